import { describe, expectTypeOf, test } from 'vitest'
import {
  type AnyBundle,
  type Backend,
  type BackendChoice,
  bundle,
  type CallOptions,
  type Classification,
  type InputTensor,
  loadModel,
  type Model,
  type OutputTensor,
  type Prediction,
  type RawImage,
  type Session,
  type Tensor,
  type Tensors,
  tensor,
  zeros,
} from '../src/index.ts'

interface SuperResolution {
  readonly inputs: { readonly input: Tensor<'float32'> }
  readonly outputs: { readonly output: Tensor<'float32'> }
  readonly task: 'image-to-image'
}
interface Digits {
  readonly task: 'image-classification'
  readonly labels: '0' | '1'
}
interface SpecialSession extends Session {
  call(method: string, options?: CallOptions): Promise<Tensors>
}
interface CountingSession extends Session {
  readonly runs: number
}
declare const special: Backend<SpecialSession>
declare const counting: Backend<CountingSession>

describe('tensors', () => {
  test('the dtype decides the storage', () => {
    expectTypeOf(tensor('int64', [1n])).toEqualTypeOf<Tensor<'int64'>>()
    expectTypeOf(tensor('float32', [1]).data).toEqualTypeOf<Float32Array<ArrayBuffer>>()
    const value = tensor('int64', [1]) as Tensor
    if (value.dtype === 'int64') expectTypeOf(value.data).toEqualTypeOf<BigInt64Array<ArrayBuffer>>()
    if (value.dtype === 'string') expectTypeOf(value.data).toEqualTypeOf<readonly string[]>()
  })
  test('a shape that is written out gives the rank', () => {
    expectTypeOf(tensor('float32', [1], [1, 1])).toExtend<Tensor<'float32'>>()
    expectTypeOf(tensor('float32', [1], [1, 1])).toExtend<InputTensor<'float32', [batch: number, 1]>>()
    expectTypeOf(tensor('float32', [1], [1])).not.toExtend<InputTensor<'float32', [batch: number, 1]>>()
    expectTypeOf(zeros('int64', [1, 2])).not.toExtend<InputTensor<'int64', [number]>>()
    const shape: number[] = [1]
    expectTypeOf(tensor('float32', [1], shape)).toEqualTypeOf<Tensor<'float32'>>()
    expectTypeOf(tensor('float32', [1], shape)).toExtend<InputTensor<'float32', [number, 1]>>()
    let changing = tensor('float32', [1], [1, 1])
    changing = tensor('float32', [1, 2], [2, 1])
    expectTypeOf(changing).not.toExtend<InputTensor<'float32', []>>()
  })
  test('an output’s shape is a tuple, and the next model takes it', () => {
    const output = tensor('float32', [1], [1, 1]) as unknown as OutputTensor<'float32', [batch: number, 10]>
    expectTypeOf(output.shape).toEqualTypeOf<readonly [batch: number, 10]>()
    expectTypeOf(output).toExtend<Tensor<'float32'>>()
    expectTypeOf(output).toExtend<InputTensor<'float32', [number, number]>>()
    expectTypeOf(output).not.toExtend<InputTensor<'float32', [number]>>()
  })
  test('elements that do not fit are refused', () => {
    // @ts-expect-error a float32 takes numbers
    tensor('float32', ['1'])
    // @ts-expect-error a float32 is stored in a Float32Array
    tensor('float32', new Int8Array(1).buffer)
    // @ts-expect-error there is no such dtype
    tensor('float', [1])
  })
})

describe('models', () => {
  test('predict gives what the task says', async () => {
    const enlarged = await loadModel(bundle<SuperResolution>('./x'))
    expectTypeOf(enlarged.predict(new Uint8Array())).resolves.toEqualTypeOf<RawImage>()
    const digits = await loadModel(bundle<Digits>('./x'))
    expectTypeOf(digits.predict(new Uint8Array())).resolves.toEqualTypeOf<readonly Classification<'0' | '1'>[]>()
    expectTypeOf(digits.labels).toEqualTypeOf<readonly ('0' | '1')[] | null>()
    const untyped = await loadModel('./x')
    expectTypeOf(untyped.predict(new Uint8Array())).resolves.toEqualTypeOf<Prediction>()
  })
  test('run takes the bundle’s names and dtypes', async () => {
    const model = await loadModel(bundle<SuperResolution>('./x'))
    expectTypeOf(model.run({ input: tensor('float32', [1]) })).resolves.toEqualTypeOf<SuperResolution['outputs']>()
    // @ts-expect-error the input is float32
    model.run({ input: tensor('int8', [1]) })
    // @ts-expect-error there is no such input
    model.run({ image: tensor('float32', [1]) })
    // @ts-expect-error a picture is bytes or pixels, not a path
    model.predict('cat.jpg')
  })
  test('of several backends the session is one of theirs', async () => {
    const model = await loadModel('./x', { backend: [special, counting] })
    expectTypeOf(model.session).toEqualTypeOf<SpecialSession | CountingSession>()
    const named = await loadModel('./x', { backend: [special, '@x/y', ['@x/z', { threads: 1 }]] })
    expectTypeOf(named.session).toEqualTypeOf<SpecialSession | Session>()
    const choice: BackendChoice = [special, counting]
    expectTypeOf((await loadModel('./x', { backend: choice })).session).toEqualTypeOf<Session>()
    expectTypeOf((await loadModel('./x', { backend: ['@x/z', { threads: 1 }] })).session).toEqualTypeOf<Session>()
  })
  test('the session is the backend’s own', async () => {
    const model = await loadModel('./x', { backend: special })
    expectTypeOf(model).toEqualTypeOf<Model<AnyBundle, SpecialSession>>()
    expectTypeOf(model.session.call('encode')).resolves.toEqualTypeOf<Tensors>()
  })
  test('options are checked', () => {
    // @ts-expect-error runtime knobs live in the backend's factory
    loadModel('./x', { threads: 2 })
    // @ts-expect-error verify has three values
    loadModel('./x', { verify: 'some' })
  })
})
