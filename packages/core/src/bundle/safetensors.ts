import { DTYPES } from '../dtype.ts'
import { TensorferryError } from '../errors.ts'
import { type DType, type DTypeData, elementCount, makeTensor, type Tensor } from '../tensor.ts'

/** dtypes of the safetensors format that core holds. */
const DTYPE_OF: Readonly<Record<string, Exclude<DType, 'string'>>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
}

const MAX_HEADER = 100_000_000

function malformed(reason: string): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `safetensors: ${reason}; write the file again`, { details: { reason } })
}

/** How often each key stands at the top level: JSON.parse keeps the last of equal keys without a word. */
function countTopLevelKeys(json: string): number {
  let depth = 0
  let keys = 0
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && token.endsWith(':')) keys++
  }
  return keys
}

function parseHeader(bytes: Uint8Array): { entries: [string, unknown][]; dataStart: number } {
  if (bytes.length < 8) throw malformed(`expected at least 8 bytes, got ${bytes.length}`)
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(Math.min(MAX_HEADER, bytes.length - 8))) {
    throw malformed(`the header claims ${length} bytes, the file holds ${bytes.length - 8} after its length`)
  }
  const dataStart = 8 + Number(length)
  let header: unknown
  let json: string
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, dataStart))
    if (!json.startsWith('{')) throw new SyntaxError('it does not begin with {')
    header = JSON.parse(json)
  } catch (cause) {
    throw malformed(`the header is not JSON in UTF-8 (${(cause as Error).message})`)
  }
  const entries = Object.entries(header as object)
  if (countTopLevelKeys(json) !== entries.length) throw malformed('the header names a tensor twice')
  return { entries, dataStart }
}

interface Entry {
  readonly name: string
  readonly dtype: Exclude<DType, 'string'>
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function parseEntry(name: string, value: unknown, dataLength: number): Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
  const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= 0
  const known = typeof dtype === 'string' && Object.hasOwn(DTYPE_OF, dtype) ? DTYPE_OF[dtype] : undefined
  if (!known) throw malformed(`${name}: dtype ${JSON.stringify(dtype)} is none of ${Object.keys(DTYPE_OF).join(', ')}`)
  const requireSizes = (key: string, value: unknown, count?: number): void => {
    if (Array.isArray(value) && value.every(isSize) && value.length === (count ?? value.length)) return
    throw malformed(`${name}: ${key} ${JSON.stringify(value)} is not ${count ?? 'a list of'} sizes`)
  }
  requireSizes('shape', shape)
  requireSizes('data_offsets', offsets, 2)
  const [begin, end] = offsets as [number, number]
  const expected = elementCount(shape as number[]) * DTYPES[known].bytes
  if (end - begin !== expected || end > dataLength)
    throw malformed(`${name}: ${dtype}[${shape}] takes ${expected} bytes, got ${begin} to ${end} of ${dataLength}`)
  return { name, dtype: known, shape: shape as number[], begin, end }
}

/**
 * Reads a safetensors file. Every malformed header is refused: wrong lengths, gaps, overlaps, equal names, unknown dtypes.
 *
 * @param bytes - the whole file
 * @returns the tensors by name, each with memory of its own
 * @throws TensorferryError `BUNDLE_INVALID` saying what is wrong
 * @see https://github.com/huggingface/safetensors#format
 */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const { entries, dataStart } = parseHeader(bytes)
  const data = bytes.subarray(dataStart)
  const parsed = entries
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, data.length))
  let covered = 0
  for (const { name, begin, end } of [...parsed].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) throw malformed(`${name}: begins at ${begin}, expected ${covered}: a gap or an overlap`)
    covered = end
  }
  if (covered !== data.length) throw malformed(`${data.length - covered} bytes belong to no tensor`)

  return new Map(
    parsed.map(({ name, dtype, shape, begin, end }) => {
      // A copy: the payload may lie at an odd address, which typed arrays refuse. Not slice: a Node Buffer's gives a view.
      const { buffer } = new Uint8Array(data.subarray(begin, end))
      const array = new DTYPES[dtype].array(buffer) as DTypeData[typeof dtype]
      if (dtype === 'bool' && (array as Uint8Array).some((byte) => byte > 1))
        throw malformed(`${name}: a bool is neither 0 nor 1`)
      return [name, makeTensor(dtype, array, shape)]
    }),
  )
}
