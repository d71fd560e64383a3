import type { Tensors } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import { rawFromTensor } from '@tensorferry/inference-protocol/raw-tensor'
import { tensorTextBytes, writeTensorText } from '@tensorferry/inference-protocol/tensor-text'
import type { TensorForm } from '../connection.ts'

/** A request's body and the header that goes with its form. */
export interface RequestBody {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Bytes of the JSON before the binary tensors; null: all of it is JSON. */
  readonly headerBytes: number | null
}

const encoder = new TextEncoder()

/**
 * Writes the inputs.
 *
 * @see Open Inference Protocol v2, "Inference Request JSON Object"; Triton's binary data extension
 */
export function encodeRequest(inputs: Tensors, form: TensorForm): RequestBody {
  return form === 'binary' ? encodeBinary(inputs) : encodeJson(inputs)
}

function headOf(name: string, { dtype, shape }: Tensors[string]): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(dtype)}","shape":[${shape.join(',')}]`
}

function encodeBinary(inputs: Tensors): RequestBody {
  const raws = Object.values(inputs).map(rawFromTensor)
  const heads = Object.entries(inputs).map(
    ([name, tensor], index) => `${headOf(name, tensor)},"parameters":{"binary_data_size":${raws[index]!.byteLength}}}`,
  )
  const json = encoder.encode(`{"parameters":{"binary_data_output":true},"inputs":[${heads.join(',')}]}`)
  const bytes = new Uint8Array(raws.reduce((total, raw) => total + raw.byteLength, json.byteLength))
  bytes.set(json)
  let place = json.byteLength
  for (const raw of raws) {
    bytes.set(raw, place)
    place += raw.byteLength
  }
  return { bytes, headerBytes: json.byteLength }
}

function encodeJson(inputs: Tensors): RequestBody {
  const entries = Object.entries(inputs).map(([name, tensor], index) => ({
    head: encoder.encode(`${index === 0 ? '{"inputs":[' : ','}${headOf(name, tensor)},"data":[`),
    tensor,
  }))
  const bound = entries.reduce((total, { head, tensor }) => total + head.byteLength + tensorTextBytes(tensor) + 2, 2)
  const bytes = new Uint8Array(Math.max(bound, 16))
  let place = 0
  for (const { head, tensor } of entries) {
    bytes.set(head, place)
    place = writeTensorText(tensor, bytes, place + head.byteLength)
    place = write(bytes, place, ']}')
  }
  place = write(bytes, place, entries.length === 0 ? '{"inputs":[]}' : ']}')
  return { bytes: bytes.subarray(0, place), headerBytes: null }
}

function write(bytes: Uint8Array, place: number, ascii: string): number {
  for (let index = 0; index < ascii.length; index++) bytes[place + index] = ascii.charCodeAt(index)
  return place + ascii.length
}
