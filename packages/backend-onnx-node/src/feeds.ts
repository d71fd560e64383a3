import type { TensorSpec, Tensors } from '@tensorferry/core'
import type { OrtTensor } from '@tensorferry/onnx-shared/ort-tensor'
import { checkStrings } from '@tensorferry/onnx-shared/pack-inputs'

type Feeds = Record<string, OrtTensor>
type NumericData = Float32Array & { constructor: Float32ArrayConstructor }

/** Copies of inputs that are used again: N-API moves a small new array to memory of its own, which takes longer than a small model. */
export class FeedCache {
  readonly #specs: readonly TensorSpec[]
  readonly #free: Feeds[] = []

  constructor(specs: readonly TensorSpec[]) {
    this.#specs = specs
  }

  /**
   * Copies the inputs: the binding reads them a turn of the event loop later.
   *
   * @param inputs - checked already
   * @throws TensorferryError `INPUT_INVALID` for a string that ONNX Runtime would change
   */
  take(inputs: Tensors): Feeds {
    const reused = this.#free.pop()
    const feeds: Feeds = reused ?? {}
    for (const { name } of this.#specs) {
      const { dtype, shape, data } = inputs[name]!
      if (dtype === 'string') {
        checkStrings(name, data)
        feeds[name] = { type: dtype, dims: shape.slice(), location: 'cpu', data: data.slice() }
        continue
      }
      const copy = feeds[name]
      // Classes differ where no dtype is given in the signature.
      if (copy && copy.type === dtype && copy.data.length === data.length) {
        ;(copy.data as NumericData).set(data as NumericData)
        copy.dims = shape.slice()
      } else feeds[name] = { type: dtype, dims: shape.slice(), location: 'cpu', data: (data as NumericData).slice() }
    }
    return feeds
  }

  /** Once the run has ended. */
  give(feeds: Feeds): void {
    if (this.#free.length < 2) this.#free.push(feeds)
  }
}
