import type { TensorferryError } from '@tensorferry/core'
import { requireFrom } from '@tensorferry/core/node'
import { UNNAMED_TYPES, unsupportedType } from '@tensorferry/onnx-shared/element-types'
import { errorOf } from '@tensorferry/onnx-shared/problem'
import type { ModelData } from './messages.ts'

interface RawMetadata {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: number
}
interface RawSession {
  loadModel(...args: unknown[]): void
  readonly inputMetadata: readonly RawMetadata[]
  readonly outputMetadata: readonly RawMetadata[]
  dispose(): void
}

/**
 * The public API gives up on a model with an element type outside its table without saying where it is: this asks the
 * native session itself. Only reached after that failure.
 *
 * @param error - what the public API threw
 * @param path - absolute, of onnxruntime-node's entry
 * @returns null when that failure was another one
 */
export function findUnsupportedType(
  error: unknown,
  path: string,
  data: ModelData,
  options: object,
): TensorferryError | null {
  if (!(error instanceof Error) || !/^Unsupported data type: \d+/.test(error.message)) return null
  const { binding } = requireFrom(path)('./binding.js') as {
    binding: { InferenceSession: new () => RawSession }
  }
  const session = new binding.InferenceSession()
  try {
    if (typeof data.model === 'string') session.loadModel(data.model, options)
    else session.loadModel(data.model.buffer, data.model.byteOffset, data.model.byteLength, options)
    for (const kind of ['input', 'output'] as const) {
      for (const { name, isTensor, type } of session[`${kind}Metadata`]) {
        const unnamed = isTensor && type !== undefined ? UNNAMED_TYPES[type] : undefined
        if (unnamed) {
          const where = `${kind} ${JSON.stringify(name)}`
          return errorOf(unsupportedType(where, unnamed, 'onnxruntime-node', { [kind]: name }))
        }
      }
    }
    return null
  } finally {
    session.dispose()
  }
}
