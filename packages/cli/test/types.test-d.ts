import { bundle, type Classification, loadModel, type RawImage, type Tensor, tensor, zeros } from '@tensorferry/core'
import { describe, expectTypeOf, test } from 'vitest'
import type { Digits } from './types/digits.js'
import type { SuperResolutionX3 } from './types/super-resolution-x3.js'

describe('a bundle with the types that tensorferry wrote', () => {
  test('takes the right feed', async () => {
    const model = await loadModel(bundle<Digits>('./digits'))
    model.run({ image: tensor('float32', new Float32Array(64), [1, 1, 8, 8]) })
    model.run({ image: zeros('float32', [4, 1, 8, 8]) })
    const shape: readonly number[] = [1, 1, 8, 8]
    model.run({ image: tensor('float32', new Float32Array(64), shape) })
    const read: Tensor<'float32'> = zeros('float32', shape)
    model.run({ image: read })
  })

  test('refuses a wrong name, dtype or rank, and one that is missing', async () => {
    const model = await loadModel(bundle<Digits>('./digits'))
    // @ts-expect-error the input is called image
    model.run({ picture: zeros('float32', [1, 1, 8, 8]) })
    // @ts-expect-error it is float32
    model.run({ image: zeros('float64', [1, 1, 8, 8]) })
    // @ts-expect-error it has four dimensions
    model.run({ image: zeros('float32', [8, 8]) })
    // @ts-expect-error four, not five
    model.run({ image: tensor('float32', new Float32Array(64), [1, 1, 1, 8, 8]) })
    // @ts-expect-error image is missing
    model.run({})
    // @ts-expect-error there is no second input
    model.run({ image: zeros('float32', [1, 1, 8, 8]), mask: zeros('bool', [1]) })
  })

  test('gives outputs by name, with rank and fixed sizes', async () => {
    const model = await loadModel(bundle<Digits>('./digits'))
    const { logits } = await model.run({ image: zeros('float32', [1, 1, 8, 8]) })
    expectTypeOf(logits.data).toEqualTypeOf<Float32Array<ArrayBuffer>>()
    expectTypeOf(logits.shape[1]).toEqualTypeOf<10>()
    expectTypeOf(logits.shape.length).toEqualTypeOf<2>()
    // @ts-expect-error the output is called logits
    ;(await model.run({ image: zeros('float32', [1, 1, 8, 8]) })).scores
  })

  test('labels are a union, predict gives what the task says', async () => {
    const digits = await loadModel(bundle<Digits>('./digits'))
    type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
    expectTypeOf(digits.labels).toEqualTypeOf<readonly Digit[] | null>()
    expectTypeOf(digits.predict(new Uint8Array())).resolves.toEqualTypeOf<readonly Classification<Digit>[]>()
    const larger = await loadModel(bundle<SuperResolutionX3>('./super-resolution-x3'))
    expectTypeOf(larger.predict(new Uint8Array())).resolves.toEqualTypeOf<RawImage>()
    const { output } = await larger.run({ input: zeros('float32', [1, 1, 4, 4]) })
    expectTypeOf(output.shape).toEqualTypeOf<readonly [batch: number, 1, number, number]>()
    // One model's output is the next one's input where the ranks agree.
    larger.run({ input: output })
  })
})
