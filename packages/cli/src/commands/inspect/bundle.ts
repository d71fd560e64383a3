import { join } from 'node:path'
import type { Dim, Manifest, TensorSpec } from '@tensorferry/core'
import { readRegular } from '@tensorferry/core/node'
import { findInstalledBackends } from '../../backends/find.ts'
import { readersOf } from '../../backends/known.ts'
import { type BundleOnDisk, type CheckedFile, checkFiles } from '../../bundle/read.ts'
import { formatBytes, formatSmall } from '../../terminal/quantities.ts'
import { formatFacts, formatTable } from '../../terminal/table.ts'
import type { Colors } from '../../terminal/terminal.ts'

/** A bundle as `inspect --json` prints it: its manifest, and what was found on disk. */
export interface BundleFacts extends Manifest {
  readonly folder: string
  /** Text of the bundle's README.md; null: it has none. */
  readonly card: string | null
  readonly files: readonly CheckedFile[]
  /** By artifact: known backends that read it, and whether they are installed. */
  readonly readers: Readonly<Record<string, readonly { readonly backend: string; readonly installed: boolean }[]>>
}

/** Reads a bundle's card and checks its files. */
export async function readBundle(bundle: BundleOnDisk): Promise<BundleFacts> {
  const { folder, manifest } = bundle
  const installed = (await findInstalledBackends()).map(({ name }) => name)
  const readers = manifest.artifacts.map(
    ({ name, format }) =>
      [name, readersOf(format).map((backend) => ({ backend, installed: installed.includes(backend) }))] as const,
  )
  return {
    ...manifest,
    folder,
    card: await readRegular(join(folder, 'README.md')).then(String, () => null),
    files: await checkFiles(bundle),
    readers: Object.fromEntries(readers),
  }
}

const describeShape = (shape: readonly Dim[] | null): string =>
  shape === null ? 'any' : `[${shape.map((dim) => dim ?? '?').join(', ')}]`

/** Inputs or outputs as a table. */
export function formatSpecs(title: string, specs: readonly TensorSpec[], colors: Colors): string {
  const rows = specs.map(({ name, dtype, shape, doc }) => [name, dtype ?? 'any', describeShape(shape), doc ?? ''])
  return formatTable([{ name: title }, { name: 'dtype' }, { name: 'shape' }, { name: '' }], rows, colors)
}

function describeStep({ op, ...settings }: { readonly op: string }): string {
  const written = Object.entries(settings).map(
    ([name, value]) => `${name}=${JSON.stringify(value).replaceAll('"', '')}`,
  )
  return [op, ...written].join(' ')
}

/** The card's first paragraph that is not a heading. */
function summaryOf(card: string): string | null {
  return (
    card
      .split(/\n\s*\n/)
      .find((part) => part.trim() !== '' && !part.startsWith('#'))
      ?.trim() ?? null
  )
}

function formatCard(facts: BundleFacts, colors: Colors): string {
  const { labels, producer } = facts
  const lines: [string, string][] = [
    ['bundle', colors.bold(`${facts.name} ${facts.version}`)],
    ['task', facts.task ?? 'not said'],
    ['license', facts.license ?? 'not said'],
  ]
  if (labels)
    lines.push(['labels', `${labels.length}: ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', …' : ''}`])
  if (producer)
    lines.push([
      'made with',
      Object.entries(producer)
        .map((pair) => pair.join(' '))
        .join(', '),
    ])
  const summary = facts.card && summaryOf(facts.card)
  if (summary) lines.push(['card', summary])
  lines.push(['folder', facts.folder])
  return formatFacts(lines, colors)
}

function formatDims({ dims }: BundleFacts, colors: Colors): string | null {
  const rows = Object.entries(dims).map(([name, { min, max, multiple_of, batch }]) => [
    name,
    String(min),
    max === null ? 'any' : String(max),
    [multiple_of ? `a multiple of ${multiple_of}` : '', batch ? 'rows are independent' : ''].filter(Boolean).join(', '),
  ])
  const columns = [{ name: 'dim' }, { name: 'min', numbers: true }, { name: 'max', numbers: true }, { name: '' }]
  return rows.length > 0 ? formatTable(columns, rows, colors) : null
}

function formatSteps({ preprocess, postprocess, states }: BundleFacts, colors: Colors): string | null {
  const before = preprocess.flatMap(({ raw, steps, to }) => [
    `${raw} → ${to.join(', ')}`,
    ...steps.map((step) => `  ${describeStep(step)}`),
  ])
  const after = postprocess.flatMap(({ from, steps, to }) => [
    `${from.join(', ')} → ${to}`,
    ...steps.map((step) => `  ${describeStep(step)}`),
  ])
  const facts: [string, string][] = []
  if (before.length > 0) facts.push(['before', before.join('\n')])
  if (after.length > 0) facts.push(['after', after.join('\n')])
  if (states.length > 0) facts.push(['states', states.map(({ input, output }) => `${output} → ${input}`).join('\n')])
  return facts.length > 0 ? formatFacts(facts, colors) : null
}

function formatArtifacts({ artifacts, program, readers }: BundleFacts, colors: Colors): string {
  const columns = [
    { name: 'artifact' },
    { name: 'format' },
    { name: 'precision' },
    { name: 'route' },
    { name: 'needs' },
    { name: 'read by' },
    { name: 'checked at export' },
  ]
  const row = (
    name: string,
    format: string,
    readBy: string,
    { precision, route, requires, verified }: Omit<Manifest['artifacts'][number], 'name' | 'format'>,
  ): string[] => [
    name,
    format,
    precision,
    route ?? '',
    Object.entries(requires)
      .map((pair) => pair.join(' '))
      .join(', '),
    readBy,
    verified ? `${verified.runtime}, ${verified.cases} cases, error ${formatSmall(verified.max_abs)}` : '',
  ]
  const rows = artifacts.map((artifact) => {
    const names = readers[artifact.name]!.map(({ backend, installed }) =>
      installed ? colors.green(backend) : `${backend} (not installed)`,
    )
    return row(artifact.name, artifact.format, names.join(', '), artifact)
  })
  if (program) rows.push(row('program', 'torch.export', 'python -m tensorferry aoti', program))
  return formatTable(columns, rows, colors)
}

function formatGoldens({ goldens }: BundleFacts, colors: Colors): string {
  if (!goldens) return `${colors.dim('goldens')}  none: verify has nothing to replay`
  const tolerances = Object.entries(goldens.tolerance).map(
    ([precision, { atol, rtol }]) => `${precision}: ${atol} + ${rtol} * |expected|`,
  )
  const cases = goldens.cases.map(({ name, raw, stages, steps }) => {
    if (steps !== undefined) return `${name}: ${steps} steps`
    return raw ? `${name}: ${raw.path}, ${stages?.join(', ') ?? 'outputs'}` : name
  })
  return formatFacts(
    [
      ['goldens', cases.join('\n')],
      ['tolerance', tolerances.join('\n')],
    ],
    colors,
  )
}

function formatFiles({ files }: BundleFacts, colors: Colors): string {
  const columns = [{ name: 'file' }, { name: 'size', numbers: true }, { name: 'sha256' }, { name: '' }]
  const rows = files.map(({ path, size, sha256, problem }) => [
    path,
    formatBytes(size),
    sha256.slice(0, 16),
    problem === null ? colors.green('as listed') : colors.red(problem),
  ])
  return formatTable(columns, rows, colors)
}

/** A bundle as text for people. */
export function formatBundle(facts: BundleFacts, colors: Colors): string {
  const parts = [
    formatCard(facts, colors),
    formatSpecs('input', facts.inputs, colors),
    formatSpecs('output', facts.outputs, colors),
    formatDims(facts, colors),
    formatSteps(facts, colors),
    formatArtifacts(facts, colors),
    formatGoldens(facts, colors),
    formatFiles(facts, colors),
  ]
  return parts.filter((part) => part !== null).join('\n\n')
}
