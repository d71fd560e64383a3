import { TensorferryError, type TensorSpec, type Tensors } from '@tensorferry/core'
import type { PackedInput, PackedInputs } from './packed-inputs.ts'
import type { RunBuffers } from './run-buffers.ts'

/** Bytes; as ONNX Runtime aligns its own tensors. */
const ALIGNMENT = 64

/**
 * ONNX strings are UTF-8 and the binding ends them at a NUL: other text would reach the model changed.
 *
 * @throws TensorferryError `INPUT_INVALID`
 */
export function checkStrings(name: string, strings: readonly string[]): void {
  const index = strings.findIndex((text) => typeof text !== 'string' || /\0|\p{Surrogate}/u.test(text))
  if (index < 0) return
  const found =
    typeof strings[index] !== 'string'
      ? typeof strings[index]
      : strings[index].includes('\0')
        ? 'a NUL character'
        : 'half of a surrogate pair'
  throw new TensorferryError(
    'INPUT_INVALID',
    `${name}: element ${index} is or holds ${found}, which ONNX Runtime would drop; remove it`,
    { details: { input: name, index } },
  )
}

/**
 * Copies the inputs of a run into one buffer, so that the caller may change the arrays at once.
 *
 * @param specs - the session's inputs
 * @param inputs - checked already
 * @throws TensorferryError `INPUT_INVALID` for a string that ONNX Runtime would change
 */
export function packInputs(specs: readonly TensorSpec[], inputs: Tensors, buffers: RunBuffers): PackedInputs {
  let byteLength = 0
  const packed: PackedInput[] = specs.map(({ name }) => {
    const { dtype, shape, data } = inputs[name]!
    if (dtype === 'string') {
      checkStrings(name, data)
      return { name, dtype, shape, data: [...data] }
    }
    const offset = byteLength
    byteLength = Math.ceil((offset + data.byteLength) / ALIGNMENT) * ALIGNMENT
    return { name, dtype, shape: [...shape], data: offset }
  })
  const buffer = buffers.take(byteLength)
  for (const { name, data: offset } of packed) {
    if (typeof offset !== 'number') continue
    const { data } = inputs[name]! as { data: ArrayBufferView }
    new Uint8Array(buffer, offset, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return { buffer, inputs: packed }
}
