import { type Tensor, TensorferryError, type Tensors } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import { rawFromTensor } from '@tensorferry/inference-protocol/raw-tensor'
import { tensorTextBytes, writeTensorText } from '@tensorferry/inference-protocol/tensor-text'
import { classify } from './classification.ts'
import type { InferRequest, RequestedOutput } from './infer-request.ts'

/** An output on its way out. */
export interface ReplyOutput {
  readonly name: string
  readonly tensor: Tensor
  readonly binary: boolean
}

/** What a reply says. Plain data: it crosses a worker. */
export interface InferReply {
  readonly model: string
  readonly version: string
  readonly id: string | null
  readonly outputs: readonly ReplyOutput[]
}

/** A reply's body. */
export interface EncodedReply {
  readonly body: Uint8Array<ArrayBuffer>
  /** Bytes of the JSON at its beginning, for `Inference-Header-Content-Length`; null: all of it is JSON. */
  readonly headerBytes: number | null
}

/**
 * Puts outputs into the order and form that the request asks for.
 *
 * @param labels - class names of the model, for the classification extension
 * @throws TensorferryError `INPUT_INVALID` for a wanted output that is not there
 */
export function selectOutputs(
  request: Pick<InferRequest, 'outputs' | 'binaryOutput'>,
  outputs: Tensors,
  labels: readonly string[] | null,
): readonly ReplyOutput[] {
  const wanted: readonly RequestedOutput[] =
    request.outputs ?? Object.keys(outputs).map((name) => ({ name, binary: request.binaryOutput, classes: 0 }))
  return wanted.map(({ name, binary, classes }) => {
    const tensor = Object.hasOwn(outputs, name) ? outputs[name] : undefined
    if (!tensor) throw new TensorferryError('INPUT_INVALID', `unknown output ${JSON.stringify(name)}`)
    return { name, binary, tensor: classes > 0 ? classify(tensor, classes, labels, name) : tensor }
  })
}

/** How much work it is to write a reply as JSON: numbers and characters. */
export function textWork({ outputs }: InferReply): number {
  let work = 0
  for (const { tensor, binary } of outputs) {
    if (binary) continue
    work += tensor.data.length
    if (tensor.dtype === 'string') for (const text of tensor.data) work += text.length
  }
  return work
}

function head({ name, tensor }: ReplyOutput): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.dtype)}","shape":[${tensor.shape.join(',')}]`
}

/**
 * Writes the body of a reply.
 *
 * @param allocate - memory of at least so many bytes
 * @see Open Inference Protocol v2, "Inference Response JSON Object"; Triton's binary data extension
 */
export function encodeInferReply(
  reply: InferReply,
  allocate: (bytes: number) => Buffer<ArrayBuffer> = Buffer.allocUnsafe,
): EncodedReply {
  const id = reply.id === null ? '' : `"id":${JSON.stringify(reply.id)},`
  const start = `{${id}"model_name":${JSON.stringify(reply.model)},"model_version":${JSON.stringify(reply.version)},"outputs":[`
  const pieces: string[] = []
  const raws: Uint8Array[] = []
  let bound = 0
  let text = start
  for (const [position, output] of reply.outputs.entries()) {
    text += `${position > 0 ? ',' : ''}${head(output)}`
    if (output.binary) {
      const raw = rawFromTensor(output.tensor)
      raws.push(raw)
      text += `,"parameters":{"binary_data_size":${raw.byteLength}}}`
    } else {
      text += ',"data":['
      pieces.push(text)
      bound += tensorTextBytes(output.tensor)
      text = ']}'
    }
  }
  text += ']}'
  for (const piece of pieces) bound += Buffer.byteLength(piece)
  bound += Buffer.byteLength(text)
  for (const raw of raws) bound += raw.byteLength

  const body = allocate(bound)
  let place = 0
  let next = 0
  for (const { tensor, binary } of reply.outputs) {
    if (binary) continue
    place += body.write(pieces[next++]!, place)
    place = writeTensorText(tensor, body, place)
  }
  place += body.write(text, place)
  const headerBytes = raws.length > 0 ? place : null
  for (const raw of raws) {
    body.set(raw, place)
    place += raw.byteLength
  }
  return { body: body.subarray(0, place), headerBytes }
}
