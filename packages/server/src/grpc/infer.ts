import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import type { ModelInferRequest, ModelInferResponse } from '@tensorferry/inference-protocol/grpc-messages'
import { rawFromTensor } from '@tensorferry/inference-protocol/raw-tensor'
import type { ServerContext } from '../context.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { ObservedRequest } from '../observe/request-observer.ts'
import { type ReplyOutput, selectOutputs } from '../protocol/infer-reply.ts'
import { type IncomingCall, nearest, remainingMs } from './call.ts'
import { readInferRequest } from './infer-request.ts'

/**
 * One inference.
 *
 * @param signal - fires when the client cancels or is gone
 * @throws TensorferryError as `ServedModel.infer`, and `INPUT_INVALID` for a request that cannot be read
 */
export async function infer(
  { repository }: ServerContext,
  observed: ObservedRequest,
  call: IncomingCall,
  message: ModelInferRequest,
  signal: AbortSignal,
): Promise<ModelInferResponse> {
  const model = repository.get(message.model_name, message.model_version || undefined)
  observed.setModel(model.name, model.version)
  const request = readInferRequest(message)
  const options = {
    outputs: request.outputs?.map(({ name }) => name),
    signal,
    timeoutMs: nearest(request.timeoutMs, remainingMs(call)),
  }
  const outputs = await observed.run(() => model.infer(request.inputs, options))
  return responseOf(model, message.id, selectOutputs(request, outputs, model.labels))
}

/** Raw contents always, because Triton's clients read no others. */
function responseOf(model: ServedModel, id: string, outputs: readonly ReplyOutput[]): ModelInferResponse {
  return {
    model_name: model.name,
    model_version: model.version,
    id,
    parameters: {},
    outputs: outputs.map(({ name, tensor }) => ({
      name,
      datatype: datatypeOf(tensor.dtype),
      shape: [...tensor.shape],
    })),
    raw_output_contents: outputs.map(({ tensor }) => rawFromTensor(tensor)),
  }
}
