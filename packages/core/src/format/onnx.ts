import type { ByteSource } from './byte-source.ts'
import { fieldsOf, MAX_FIELD_HEADER, type ProtobufField, readField } from './protobuf.ts'

/** What core reads of an ONNX file without loading its weights. */
export interface OnnxSummary {
  readonly irVersion: number
  /** Version of the default operator set; 0 when none is named. */
  readonly opset: number
  /** Paths of external data, relative to the model's folder, each once, as the file names them. */
  readonly externalData: readonly string[]
}

type Message = 'model' | 'graph' | 'node' | 'attribute' | 'tensor' | 'sparse' | 'function' | 'training'

/** Which fields of each message hold messages that can lead to a tensor; numbers from onnx.proto3. */
const CHILDREN: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
}
const MODEL_FIELDS = new Set([1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26])
const TENSOR_EXTERNAL_DATA = 13

/** Words for a file that is no ONNX model. */
const errors = () => import('./not-onnx.ts')

/** Smaller messages are read whole and walked in one go; weights are larger and get skipped over. */
const WHOLE = 1 << 16
const text = new TextDecoder()

/**
 * Scans an ONNX file: structure only, weights are skipped, at most 64 KiB of it in memory at a time.
 *
 * @throws TensorferryError `FORMAT_UNSUPPORTED` when it is no ONNX file, or ends before it should
 * @see onnx.proto3, ModelProto and TensorProto.external_data
 */
export async function readOnnxSummary(source: ByteSource): Promise<OnnxSummary> {
  let irVersion = 0
  let opset = 0
  let hasGraph = false
  const externalData = new Set<string>()

  const collectTensorField = (bytes: Uint8Array): void => {
    const entry = pairOf(bytes)
    if (entry.key === 'location') externalData.add(entry.value)
  }
  const walkBytes = (message: Message, bytes: Uint8Array): void => {
    for (const field of fieldsOf(bytes)) {
      const child = CHILDREN[message][field.number]
      if (child) walkBytes(child, bytes.subarray(field.start, field.end))
      else if (message === 'tensor' && field.number === TENSOR_EXTERNAL_DATA) {
        collectTensorField(bytes.subarray(field.start, field.end))
      }
    }
  }
  const walkSource = async (message: Message, start: number, end: number): Promise<void> => {
    for await (const field of fieldsOfSource(source, start, end)) {
      if (message === 'model') {
        if (!MODEL_FIELDS.has(field.number)) throw (await errors()).foreignField(field)
        if (field.number === 1) irVersion = field.value
        if (field.number === 7) hasGraph = true
        if (field.number === 8) {
          const set = operatorSetOf(await source.read(field.start, field.end - field.start))
          if (set.domain === '' || set.domain === 'ai.onnx') opset = set.version
        }
      }
      const child = CHILDREN[message][field.number]
      const length = field.end - field.start
      if (child && length > WHOLE) await walkSource(child, field.start, field.end)
      else if (child) walkBytes(child, await source.read(field.start, length))
      else if (message === 'tensor' && field.number === TENSOR_EXTERNAL_DATA) {
        collectTensorField(await source.read(field.start, length))
      }
    }
  }
  await walkSource('model', 0, source.size).catch(async (error: unknown) => {
    // More than the stack holds: graphs in graphs by the thousand.
    throw error instanceof RangeError ? (await errors()).tooDeep() : error
  })
  if (!hasGraph) throw (await errors()).noGraph()
  return { irVersion, opset, externalData: [...externalData] }
}

async function* fieldsOfSource(source: ByteSource, start: number, end: number): AsyncGenerator<ProtobufField> {
  let window = new Uint8Array()
  let origin = start
  for (let position = start; position < end; ) {
    const needed = Math.min(MAX_FIELD_HEADER, end - position)
    if (position < origin || position + needed > origin + window.length) {
      origin = position
      window = (await source.read(position, Math.min(WHOLE, end - position))) as Uint8Array<ArrayBuffer>
    }
    const field = readField(window, position - origin, origin)
    if (field === null) throw (await errors()).noField(position)
    if (field.end > end) throw (await errors()).truncated(field, end)
    yield field
    position = field.end
  }
}

function pairOf(bytes: Uint8Array): { key: string; value: string } {
  const pair = { key: '', value: '' }
  for (const field of fieldsOf(bytes)) {
    const value = text.decode(bytes.subarray(field.start, field.end))
    if (field.number === 1) pair.key = value
    if (field.number === 2) pair.value = value
  }
  return pair
}

function operatorSetOf(bytes: Uint8Array): { domain: string; version: number } {
  const set = { domain: '', version: 0 }
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) set.domain = text.decode(bytes.subarray(field.start, field.end))
    if (field.number === 2) set.version = field.value
  }
  return set
}
