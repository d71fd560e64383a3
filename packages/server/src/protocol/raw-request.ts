import { type RawInput, type RawInputs, type Tensor, TensorferryError } from '@tensorferry/core'
import { unknownName } from '@tensorferry/core/names'
import { tensorFromJsonData } from '@tensorferry/inference-protocol/json-tensor'
import { bytesFromBase64 } from './base64.ts'
import { requireBearable } from './json-cost.ts'
import { bodyText, isObject, parseJsonObject } from './parse-json.ts'
import { toldValue } from './told-value.ts'

/** One input of `predict`: a picture or tensor, or an object of them by name. */
type Raw = RawInput | RawInputs

/** What a model takes under a name. Plain data: it crosses a worker. */
export interface RawSpec {
  readonly name: string
  /** A picture, a tensor that the first step of a pipeline reads, or an input that no step makes. */
  readonly kind: 'image' | 'tensor' | 'input'
  /** Of a tensor or input. */
  readonly datatype: string
  /** Axes of an input; null: any number. */
  readonly rank: number | null
}

/** One of the things that are asked for in one request: read, or the reason why it cannot be. Plain data. */
export type RawItem = { readonly label: string } /** `isRow`: a batch axis was put in front of it. */ & (
  | { readonly raw: Raw; readonly isRow?: boolean; readonly error?: never }
  | { readonly raw?: never; readonly isRow?: never; readonly error: string }
)

/** A body of `predict`, read. Plain data. */
export interface RawRequest {
  readonly items: readonly RawItem[]
  /** Asked for as `instances`: answered as `predictions`. */
  readonly isInstances: boolean
}

/** Each is a call of its own through the pipeline. */
const MOST_INSTANCES = 4096

function refuse(message: string): never {
  throw new TensorferryError('INPUT_INVALID', message)
}

function isPlain(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/** The shape of nested arrays, along the first entries; whether they are ragged is found when they are read. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = []
  for (let level = value; Array.isArray(level) && shape.length <= 64; level = level[0]) shape.push(level.length)
  return shape
}

/** An input without a batch axis is given one: an instance is a row. */
function withRows(shape: readonly number[], rank: number | null): readonly number[] {
  return rank === null || rank === shape.length + 1 ? [1, ...shape] : shape
}

/** A tensor in JSON: nested arrays, or `{"shape": […], "data": […]}` with flat ones. */
export function readTensor(value: unknown, { name, kind, datatype, rank }: RawSpec): Tensor {
  if (isObject(value) && Array.isArray(value.shape)) {
    return tensorFromJsonData(datatype, value.shape as number[], value.data, name)
  }
  if (!Array.isArray(value) && !(kind === 'input' && isPlain(value))) {
    refuse(`${name}: expected {"shape": […], "data": […]} or nested arrays of ${datatype}, got ${toldValue(value)}`)
  }
  const shape = shapeOf(value)
  const read = tensorFromJsonData(datatype, shape, value, name)
  return kind === 'input' ? ({ ...read, shape: withRows(shape, rank) } as Tensor) : read
}

function readPicture(value: unknown, name: string): RawInput {
  // TensorFlow Serving's way of marking bytes.
  const text = isObject(value) && Object.keys(value).length === 1 ? value.b64 : value
  if (typeof text === 'string') return bytesFromBase64(text, name)
  return refuse(`${name}: expected a picture in base64, "…" or {"b64": "…"}, got ${toldValue(value)}`)
}

const readValue = (value: unknown, spec: RawSpec): RawInput | Tensor =>
  spec.kind === 'image' ? readPicture(value, spec.name) : readTensor(value, spec)

/** The value of the only input: bare, under its name, or under any name when it is the only one there. */
function onlyValue(value: unknown, spec: RawSpec): unknown {
  if (!isObject(value)) return value
  if (Object.hasOwn(value, spec.name)) return value[spec.name]
  const names = Object.keys(value)
  const marks = spec.kind === 'image' ? ['b64'] : ['shape', 'data']
  if (marks.some((mark) => Object.hasOwn(value, mark))) return value
  if (names.length === 1) return value[names[0]!]
  return refuse(
    `expected ${JSON.stringify(spec.name)}, got ${names.length === 0 ? 'an empty object' : names.slice(0, 20).join(', ').slice(0, 200)}`,
  )
}

function readItem(value: unknown, specs: readonly RawSpec[]): Raw {
  const [first] = specs as readonly [RawSpec, ...RawSpec[]]
  if (specs.length === 1) {
    const read = readValue(onlyValue(value, first), first)
    return first.kind === 'input' ? { [first.name]: read } : (read as RawInput)
  }
  if (!isObject(value)) {
    return refuse(`expected an object with ${specs.map(({ name }) => name).join(', ')}, got ${toldValue(value)}`)
  }
  const names = specs.map(({ name }) => name)
  const unknown = Object.keys(value).find((key) => !names.includes(key))
  if (unknown !== undefined) refuse(unknownName('input', unknown, names))
  const missing = names.filter((name) => !Object.hasOwn(value, name))
  if (missing.length > 0) refuse(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`)
  return Object.fromEntries(specs.map((spec) => [spec.name, readValue(value[spec.name], spec)]))
}

/** An item, and whether it was given a batch axis. */
function readRow(value: unknown, specs: readonly RawSpec[]): { readonly raw: Raw; readonly isRow: boolean } {
  const raw = readItem(value, specs)
  const [first] = specs as readonly [RawSpec, ...RawSpec[]]
  if (first.kind !== 'input') return { raw, isRow: false }
  const given = specs.length === 1 ? onlyValue(value, first) : (value as Record<string, unknown>)[first.name]
  const { shape } = (raw as Record<string, Tensor>)[first.name]!
  return { raw, isRow: !isObject(given) && shapeOf(given).length < shape.length }
}

/**
 * Reads what `predict` is asked for in JSON: one input (`{"image": "…base64…"}`, `{"shape": […], "data": […]}`, an object of
 * several), or `{"instances": […]}` of them, as KServe's v1 protocol and TensorFlow Serving write it.
 *
 * @param specs - at least one
 * @returns instances that cannot be read are told one by one
 * @throws TensorferryError `INPUT_INVALID` for a body that is none of it
 */
export function readRawRequest(body: Uint8Array, specs: readonly RawSpec[]): RawRequest {
  requireBearable(body)
  const value = parseJsonObject(bodyText(body))
  const isInstances = Object.hasOwn(value, 'instances') && !specs.some(({ name }) => name === 'instances')
  if (!isInstances) return { items: [{ label: '', ...readRow(value, specs) }], isInstances }
  const { instances } = value
  if (!Array.isArray(instances) || instances.length === 0) {
    return refuse(`expected "instances" to be a list of at least one, got ${toldValue(instances)}`)
  }
  if (instances.length > MOST_INSTANCES) {
    refuse(`"instances" has ${instances.length} entries, at most ${MOST_INSTANCES} go in one request`)
  }
  const items = instances.map((instance, index): RawItem => {
    const label = `instances[${index}]`
    try {
      return { label, ...readRow(instance, specs) }
    } catch (error) {
      if (!TensorferryError.is(error)) throw error
      return { label, error: error.message }
    }
  })
  return { items, isInstances }
}
