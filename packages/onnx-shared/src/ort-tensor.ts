import { type DType, makeTensor, type Tensor, type Tensors } from '@tensorferry/core'
import type { PackedInputs } from './packed-inputs.ts'

type NumericDType = Exclude<DType, 'string'>

/** Element types that the binding moves both ways; bfloat16 and the 4-bit ones it does not. float16 is raw bits. */
const STORAGE = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Partial<Record<NumericDType, unknown>>

/** PyTorch's name of an element type, which is ONNX Runtime's too; null where the SDK or the binding has none. */
export function dtypeOf(type: string | null): DType | null {
  return type !== null && (type === 'string' || Object.hasOwn(STORAGE, type)) ? (type as DType) : null
}

/** What the binding accepts as a tensor. The plain form: its Tensor class refuses float16 data on Node 24. */
export interface OrtTensor {
  readonly type: string
  dims: readonly number[]
  readonly location: 'cpu'
  readonly data: (ArrayBufferView & { readonly length: number }) | readonly string[]
}

/** Inputs as the binding takes them: views into the run's buffer. */
export function unpackInputs({ buffer, inputs }: PackedInputs): Record<string, OrtTensor> {
  const feeds: Record<string, OrtTensor> = {}
  for (const { name, dtype, shape, data } of inputs) {
    let view: OrtTensor['data']
    if (typeof data === 'number') {
      let count = 1
      for (const size of shape) count *= size
      view = new STORAGE[dtype as keyof typeof STORAGE](buffer, data, count)
    } else view = data
    feeds[name] = { type: dtype, dims: shape, location: 'cpu', data: view }
  }
  return feeds
}

/** What the binding hands out; on Node 24 float16 is a Float16Array. */
export interface OrtOutput {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: ArrayBufferView<ArrayBuffer> | readonly string[]
}

/** Tensors of the SDK around the outputs' memory; the caller owns them. */
export function tensorsFromOutputs(outputs: Readonly<Record<string, OrtOutput>>): Tensors {
  const tensors: Record<string, Tensor> = {}
  for (const name in outputs) tensors[name] = tensorFromOutput(outputs[name]!)
  return tensors
}

function tensorFromOutput({ type, dims, data }: OrtOutput): Tensor {
  if (!ArrayBuffer.isView(data)) return makeTensor('string', Object.freeze([...data]), dims)
  // The same bits, whatever the class and the realm that it was made in.
  const Own = STORAGE[type as 'float32']
  const { buffer, byteOffset, byteLength } = data
  return makeTensor(type as 'float32', new Own(buffer, byteOffset, byteLength / Own.BYTES_PER_ELEMENT), dims)
}
