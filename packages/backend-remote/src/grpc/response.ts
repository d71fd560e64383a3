import { type Tensor, TensorferryError, type Tensors } from '@tensorferry/core'
import { tensorFromContents } from '@tensorferry/inference-protocol/contents-tensor'
import type { ModelInferResponse } from '@tensorferry/inference-protocol/grpc-messages'
import { tensorFromRaw } from '@tensorferry/inference-protocol/raw-tensor'

/**
 * Reads a response: raw contents where there are some, typed contents else.
 *
 * @throws TensorferryError `INPUT_INVALID` or `RUNTIME_FAILED`: the server broke the protocol
 */
export function decodeResponse({ outputs, raw_output_contents }: ModelInferResponse): Tensors {
  if (raw_output_contents.length > 0 && raw_output_contents.length !== outputs.length) {
    throw new TensorferryError(
      'RUNTIME_FAILED',
      `${raw_output_contents.length} raw_output_contents for ${outputs.length} outputs`,
    )
  }
  const tensors: Record<string, Tensor> = Object.create(null)
  outputs.forEach(({ name, datatype, shape, contents }, index) => {
    const sizes = shape.map(Number)
    const raw = raw_output_contents[index]
    tensors[name] = raw
      ? tensorFromRaw(datatype, sizes, raw, name)
      : tensorFromContents(datatype, sizes, contents ?? {}, name)
  })
  return tensors
}
