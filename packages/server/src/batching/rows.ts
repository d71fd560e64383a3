import { type DTypeData, makeTensor, type Tensor, TensorferryError, type Tensors } from '@tensorferry/core'

type TypedArray = Exclude<DTypeData[keyof DTypeData], readonly string[]>

/** Bytes of the elements; a text counts two for each of its characters. */
export function bytesOf(tensors: Tensors): number {
  let bytes = 0
  for (const { data } of Object.values(tensors)) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength
    else for (const text of data) bytes += 2 * text.length
  }
  return bytes
}

function joinRows(parts: readonly Tensor[], rows: number): Tensor {
  const { dtype, shape } = parts[0]!
  const joined = [rows, ...shape.slice(1)]
  if (dtype === 'string') {
    return makeTensor(dtype, Object.freeze(parts.flatMap(({ data }) => data as readonly string[])), joined)
  }
  const length = parts.reduce((sum, { data }) => sum + data.length, 0)
  const ArrayClass = parts[0]!.data.constructor as new (length: number) => TypedArray
  const data = new ArrayClass(length)
  let at = 0
  for (const part of parts) {
    data.set(part.data as never, at)
    at += part.data.length
  }
  return makeTensor(dtype, data as never, joined)
}

/** The rows of several requests one after the other; of one request as they are, without a copy. */
export function joinInputs(requests: readonly Tensors[], rows: number): Tensors {
  if (requests.length === 1) return requests[0]!
  const joined: Record<string, Tensor> = {}
  for (const name of Object.keys(requests[0]!)) {
    joined[name] = joinRows(
      requests.map((inputs) => inputs[name]!),
      rows,
    )
  }
  return joined
}

/**
 * Makes sure that every output has a row for each row that went in.
 *
 * @throws TensorferryError `RUNTIME_FAILED`: the rows cannot be told apart
 */
export function requireRows(outputs: Tensors, rows: number): void {
  for (const [name, { shape }] of Object.entries(outputs)) {
    if (shape[0] === rows) continue
    throw new TensorferryError(
      'RUNTIME_FAILED',
      `${name}: expected ${rows} rows, one for each that went in, got the shape [${shape.join(', ')}]; the bundle marks a batch dim that the model does not keep`,
      { details: { output: name, rows, shape } },
    )
  }
}

/**
 * Some rows of outputs: numbers as views of the batch's memory, which a copy for each request would double.
 *
 * @param wanted - names; null: all
 */
export function takeRows(outputs: Tensors, from: number, count: number, wanted: readonly string[] | null): Tensors {
  const taken: Record<string, Tensor> = {}
  for (const name of wanted ?? Object.keys(outputs)) {
    const { dtype, shape, data } = outputs[name]!
    const perRow = data.length / shape[0]!
    const [start, end] = [from * perRow, (from + count) * perRow]
    const rows = ArrayBuffer.isView(data) ? (data as Float32Array).subarray(start, end) : data.slice(start, end)
    taken[name] = makeTensor(dtype, rows as never, [count, ...shape.slice(1)])
  }
  return taken
}

/** Some of the outputs, as they are. */
export function pickOutputs(outputs: Tensors, wanted: readonly string[] | null): Tensors {
  if (wanted === null) return outputs
  return Object.fromEntries(wanted.map((name) => [name, outputs[name]!]))
}
