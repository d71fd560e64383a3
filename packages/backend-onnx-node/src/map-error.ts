import { TensorferryError } from '@tensorferry/core'
import { mapRuntimeError, type Stage } from '@tensorferry/onnx-shared/map-error'
import { errorOf } from '@tensorferry/onnx-shared/problem'

export { type Stage, withoutSourceLine } from '@tensorferry/onnx-shared/map-error'

/**
 * Turns what onnxruntime-node threw into a typed error. Its own text is kept in `details.runtimeMessage` and as `cause`.
 *
 * @param error - what was thrown
 * @param stage - what ONNX Runtime was doing
 */
export function mapError(error: unknown, stage: Stage): TensorferryError {
  return TensorferryError.is(error) ? error : errorOf(mapRuntimeError(error, stage, 'onnxruntime-node'))
}

/** Rebuilds an error that came from a worker; the runtime's own text becomes its cause again. */
export function rebuildError(serialized: Parameters<typeof TensorferryError.from>[0]): TensorferryError {
  const { runtimeMessage } = serialized.details
  return TensorferryError.from(serialized, typeof runtimeMessage === 'string' ? new Error(runtimeMessage) : undefined)
}
