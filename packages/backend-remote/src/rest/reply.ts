import { type Tensor, TensorferryError, type Tensors } from '@tensorferry/core'
import { hasUnsafeIntegers, parseWithExactIntegers } from '@tensorferry/inference-protocol/exact-integers'
import { tensorFromJsonData } from '@tensorferry/inference-protocol/json-tensor'
import { tensorFromRaw } from '@tensorferry/inference-protocol/raw-tensor'
import { specialNumbersAsText } from './special-numbers.ts'

const decoder = new TextDecoder()

interface ReplyOutput {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data?: unknown
  readonly parameters?: { readonly binary_data_size?: number } | null
}

function refuse(message: string): never {
  throw new TensorferryError('RUNTIME_FAILED', message)
}

/** JSON, also with the bare `NaN` and `Infinity` that Python writes. */
export function parseReply(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const mended = specialNumbersAsText(text)
    if (mended === text) throw error
    return JSON.parse(mended)
  }
}

/**
 * Reads an inference reply.
 *
 * @param headerBytes - `Inference-Header-Content-Length`; null: all of it is JSON
 * @throws TensorferryError `INPUT_INVALID` or `RUNTIME_FAILED`, SyntaxError: the server broke the protocol
 */
export function decodeReply(body: Uint8Array, headerBytes: number | null): Tensors {
  const text = decoder.decode(headerBytes === null ? body : body.subarray(0, headerBytes))
  const outputs = outputsOf(parseReply(text))
  let exact: readonly ReplyOutput[] | null = null
  let offset = headerBytes ?? body.byteLength
  const tensors: Record<string, Tensor> = Object.create(null)
  outputs.forEach((output, index) => {
    const { name, datatype, shape } = output
    const size = output.parameters?.binary_data_size
    if (typeof size === 'number' && headerBytes !== null) {
      tensors[name] = tensorFromRaw(datatype, shape, body.subarray(offset, offset + size), name)
      offset += size
      return
    }
    let { data } = output
    if (datatype === 'INT64' && hasUnsafeIntegers(data)) {
      exact ??= outputsOf(parseWithExactIntegers(text))
      data = exact[index]!.data
    }
    tensors[name] = tensorFromJsonData(datatype, shape, data, name)
  })
  return tensors
}

function outputsOf(reply: unknown): readonly ReplyOutput[] {
  const outputs = (reply as { outputs?: unknown } | null)?.outputs
  if (!Array.isArray(outputs)) refuse('the reply has no list of outputs')
  for (const { name, datatype, shape } of outputs) {
    if (typeof name === 'string' && typeof datatype === 'string' && Array.isArray(shape)) continue
    refuse('an output of the reply lacks its name, datatype or shape')
  }
  return outputs
}
