import type { Dim, DimSpec, TensorSpec } from '@tensorferry/core'

/** What a declaration is written from: a manifest, or what a backend says of a bare model. */
export interface Described {
  /** Of the bundle or file, for the comment. */
  readonly title: string
  readonly dims: Readonly<Record<string, DimSpec>>
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly task: string | null
  readonly hasPostprocess: boolean
  readonly labels: readonly string[] | null
}

/** First line of every file written here: such a file may be written again. */
export const GENERATED = '// Written by `tensorferry types`; do not edit.'

/** The line of a written file that says whose types it holds. */
const SUBJECT = /^ \* Types of the (bundle \S+|model [^\n,]+)/m

/** Whose types a written file holds, such as `bundle digits`, whatever the version; null: it does not say. */
export function subjectOf(text: string): string | null {
  return SUBJECT.exec(text)?.[1] ?? null
}

/** `super-resolution-x3` to `SuperResolutionX3`. */
export function typeName(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter(Boolean)
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(joined) ? joined : `Model${joined}`
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
/** A string literal; JSON escapes what must be escaped, and the quotes are those that people write. */
const literal = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
const propertyName = (name: string): string => (IDENTIFIER.test(name) ? name : literal(name))
/** Text from a manifest must not end the comment that it stands in. */
const comment = (text: string): string => text.replaceAll('*/', '*\\/').replace(/\s+/g, ' ').trim()

function tupleElement(dim: Dim): string {
  if (typeof dim === 'number') return String(dim)
  if (dim === null) return 'number'
  return IDENTIFIER.test(dim) ? `${dim}: number` : `/* ${comment(dim)} */ number`
}

function tensorType({ dtype, shape }: TensorSpec, kind: 'InputTensor' | 'OutputTensor'): string {
  if (dtype === null) return 'Tensor'
  if (shape === null) return `Tensor<'${dtype}'>`
  return `${kind}<'${dtype}', [${shape.map(tupleElement).join(', ')}]>`
}

function members(specs: readonly TensorSpec[], kind: 'InputTensor' | 'OutputTensor'): string {
  return specs
    .map((spec) => {
      const doc = spec.doc ? `    /** ${comment(spec.doc)} */\n` : ''
      return `${doc}    readonly ${propertyName(spec.name)}: ${tensorType(spec, kind)}\n`
    })
    .join('')
}

function describeDims(dims: Described['dims']): readonly string[] {
  return Object.entries(dims).map(([name, { min, max, multiple_of, batch }]) => {
    const range = max === null ? `at least ${min}` : `${min} to ${max}`
    const step = multiple_of ? `, a multiple of ${multiple_of}` : ''
    return `- ${name}: ${range}${step}${batch ? ', rows are independent' : ''}`
  })
}

/**
 * Writes a bundle's types: names, dtypes, ranks, symbolic dims, the task, and the labels as a union.
 *
 * @returns TypeScript for a `.d.ts` file
 */
export function writeDeclaration(name: string, described: Described): string {
  const { title, dims, inputs, outputs, task, hasPostprocess, labels } = described
  const specs = [...inputs, ...outputs]
  const uses = (type: string): boolean => body.includes(`${type}<`) || new RegExp(`: ${type}\\n`).test(body)
  const lines = [`Types of ${comment(title)}.`, ...describeDims(dims).map(comment)]
  // Without steps after it, predict gives the outputs; with steps and no task, TypeScript cannot know what.
  const taskType = task !== null ? literal(task) : hasPostprocess ? null : 'null'
  const union = labels === null ? null : [...new Set(labels)].map(literal)
  const labelType =
    union === null || union.length === 0
      ? ''
      : union.join(' | ').length < 100
        ? `  readonly labels: ${union.join(' | ')}\n`
        : `  readonly labels:\n${union.map((label) => `    | ${label}\n`).join('')}`
  const body = [
    `/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`,
    `export interface ${name} {\n`,
    `  readonly inputs: {\n${members(inputs, 'InputTensor')}  }\n`,
    `  readonly outputs: {\n${members(outputs, 'OutputTensor')}  }\n`,
    taskType === null ? '' : `  readonly task: ${taskType}\n`,
    labelType,
    '}\n',
  ].join('')
  const imported = ['InputTensor', 'OutputTensor', 'Tensor'].filter((type) =>
    type === 'Tensor' ? specs.some(({ dtype, shape }) => dtype === null || shape === null) : uses(type),
  )
  return `${GENERATED}\nimport type { ${imported.join(', ')} } from '@tensorferry/core'\n\n${body}`
}
