import { describeGiven } from './describe-given.ts'
import { TensorferryError } from './errors.ts'
import { unknownName } from './names.ts'

/** Options with the type or the values that each has; null: looked at elsewhere. */
type KnownOptions = Readonly<Record<string, string | readonly string[] | null>>

const SOURCES =
  "a bundle's folder or URL, a model file's path or URL, the file's bytes (Uint8Array, ArrayBuffer, Blob), a Map of files by path, or bundle(one of these)"

/** `tagOf`, which here would be a file of its own. */
const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)

/** Why `loadModel` refuses its arguments. */
export function argumentError(source: unknown, options: unknown, known: KnownOptions): TensorferryError {
  return optionsError(options, known) ?? sourceError(source, Object.keys(known))
}

function refused(message: string, details: Record<string, unknown> = {}): TensorferryError {
  return new TensorferryError('OPTIONS_INVALID', `loadModel: ${message}`, { details })
}

/** A map of files in which neither a bundle nor one model stands out. */
export function ambiguousMap(paths: readonly string[]): TensorferryError {
  return new TensorferryError(
    'NOT_FOUND',
    `source: expected a map with bundle.json or with one model file, got ${paths.join(', ') || 'an empty map'}`,
    { details: { paths } },
  )
}

function optionsError(options: unknown, known: KnownOptions): TensorferryError | null {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const advice = typeof options === 'string' || typeof options === 'function' ? '; pass { backend }' : ''
    return refused(`options: expected an object, got ${describeGiven(options)}${advice}`)
  }
  if ('createSession' in options) return refused('options: expected an object, got a backend; pass { backend }')
  const names = Object.keys(known)
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      return refused(`${unknownName('option', name, names)}; a runtime's own options go into its backend's factory`, {
        option: name,
        known: names,
      })
    }
    const expected = known[name]
    if (!expected || value === undefined) continue
    if (typeof expected === 'string' ? typeof value === expected : expected.includes(value)) continue
    const wanted = typeof expected === 'string' ? `a ${expected}` : expected.map((one) => `'${one}'`).join(', ')
    return refused(`${name}: expected ${wanted}, got ${describeGiven(value)}`, { option: name })
  }
  return null
}

function sourceError(given: unknown, optionNames: readonly string[]): TensorferryError {
  const isTyped = typeof given === 'object' && given !== null && 'source' in given
  const source = isTyped ? given.source : given
  if (classOf(source) === 'Map') {
    const [path, content] =
      [...(source as Map<string, unknown>)].find(([, one]) => !/^(Uint8Array|Blob|File)$/.test(classOf(one))) ?? []
    return refused(
      `source: expected a Map of Uint8Array or Blob by path, got ${describeGiven(content)} for ${JSON.stringify(path)}`,
    )
  }
  return refused(`source: expected ${SOURCES}, got ${describeGiven(source)}${adviceFor(source, optionNames)}`)
}

function adviceFor(source: unknown, optionNames: readonly string[]): string {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return ''
  if (source instanceof Response || source instanceof Request) return '; pass its URL, or await response.arrayBuffer()'
  if (ArrayBuffer.isView(source)) return '; pass new Uint8Array(array.buffer, array.byteOffset, array.byteLength)'
  const keys = Object.keys(source)
  if (keys.length === 0) return ''
  if (keys.every((key) => optionNames.includes(key)))
    return '; options come second, or hold a backend that needs no file'
  return source.constructor === Object ? '; files by path are passed as new Map(Object.entries(files))' : ''
}
