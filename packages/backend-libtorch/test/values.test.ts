import type { LibtorchSession, Value } from '@tensorferry/backend-libtorch'
import { type DType, tensor } from '@tensorferry/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithLibtorch } from './environment.ts'
import { rejection } from './expect-error.ts'
import { load } from './model-file.ts'

const x = tensor('float32', [1, 2, 3, 4], [2, 2])
const plusOne = tensor('float32', [2, 3, 4, 5], [2, 2])
const doubled = tensor('float32', [2, 4, 6, 8], [2, 2])

describeWithLibtorch('values', () => {
  let session: LibtorchSession
  beforeAll(async () => {
    session = await load('values')
  })
  afterAll(() => session.dispose())

  test.each<[string, Value[], Value]>([
    ['integer', [5], 5],
    ['integer', [-7n], -7],
    ['integer', [2n ** 60n + 1n], 2n ** 60n + 1n],
    ['integer', [2 ** 53 - 1], 2 ** 53 - 1],
    ['double', [1.25], 2.5],
    ['double', [Number.POSITIVE_INFINITY], Number.POSITIVE_INFINITY],
    ['negate', [true], false],
    ['shout', ['größer 🚀'], 'größer 🚀!'],
    ['maybe', [null], null],
    ['maybe', [undefined], null],
    ['maybe', [x], plusOne],
    ['nothing', [], null],
    ['reverse', [[1, 2, 3]], [3, 2, 1]],
    ['reverse', [[]], []],
    ['nested', [[[x], [x, x], []]], [[doubled], [doubled, doubled], []]],
    ['swap', [[3, 'a']], ['a', 3]],
    ['named', [{ x, label: 'b', weight: 3 }], { x: plusOne, label: 'b?', weight: 1.5 }],
    ['named', [[x, 'b', 3]], { x: plusOne, label: 'b?', weight: 1.5 }],
    ['by_name', [{ a: x, b: doubled }], { a: plusOne, b: tensor('float32', [3, 5, 7, 9], [2, 2]) }],
    ['by_name', [new Map([['a', x]])], { a: plusOne }],
    ['by_number', [new Map([[1, 0.5]])], new Map([[2, 1]])],
    ['transposed', [x], tensor('float32', [1, 3, 2, 4], [2, 2])],
    ['add_in_place', [x], plusOne],
  ])('%s takes and gives', async (method, args, result) => {
    expect(await session.call(method, ...args)).toEqual(result)
    expect(session.callSync(method, ...args)).toEqual(result)
    expect(x).toEqual(tensor('float32', [1, 2, 3, 4], [2, 2]))
  })

  test('a key named __proto__ is a key', async () => {
    const result = await session.call('by_name', new Map([['__proto__', x]]))
    expect(Object.getOwnPropertyNames(result)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
  })

  const dtypes: readonly DType[] = [
    'float64',
    'float32',
    'float16',
    'bfloat16',
    'int64',
    'int32',
    'int16',
    'int8',
    'uint8',
  ]
  test.each(dtypes)('%s comes back with the same bits, from shared memory and beyond it', async (dtype) => {
    for (const count of [0, 1, 3, 300_000]) {
      const value = tensor(
        dtype as 'int32',
        Array.from({ length: count }, (_, index) => index % 100),
      )
      const result = (await session.call('identity', value)) as typeof value
      expect(result.dtype).toBe(dtype)
      expect(result.shape).toEqual([count])
      expect(
        Buffer.from(result.data.buffer, result.data.byteOffset, result.data.byteLength).equals(
          Buffer.from(value.data.buffer),
        ),
      ).toBe(true)
      expect(result.data.buffer).not.toBe(value.data.buffer)
    }
  })

  test('a bool is 0 or 1, whatever byte it was', async () => {
    const odd = { dtype: 'bool', shape: [3], data: new Uint8Array([0, 1, 7]) } as const
    expect(await session.call('identity', odd)).toEqual(tensor('bool', [false, true, true]))
  })

  test('a default is used where an argument is missing', async () => {
    expect(await session.call('forward', x)).toEqual(doubled)
    expect(await session.call('forward', x, 3)).toEqual(tensor('float32', [3, 6, 9, 12], [2, 2]))
  })

  test('one tensor twice gives two tensors', async () => {
    const [first, second] = (await session.call('twice', x)) as [typeof x, typeof x]
    first.data.fill(0)
    expect(second).toEqual(x)
  })

  test('a weight that is returned is a copy', async () => {
    const weight = (await session.call('weight_itself')) as typeof x
    weight.data.fill(0)
    expect(await session.attribute('inner.weight')).toEqual(x)
  })

  test('attributes', async () => {
    expect(await session.attribute('scale')).toEqual(tensor('float32', [2, 0.5]))
    expect(await session.attribute('greeting')).toBe('hello')
    expect(await session.attribute('count')).toBe(7)
    expect(session.attributes.map(({ name, type }) => `${name}: ${type.text}`)).toEqual([
      'scale: Tensor',
      'training: bool',
      'greeting: str',
      'count: int',
    ])
    for (const name of ['inner', 'missing', 'inner.missing', 'missing.weight', '', '.']) {
      await rejection(() => session.attribute(name), 'NOT_FOUND')
    }
  })

  test('the schema is data', () => {
    const named = session.methods.find(({ name }) => name === 'named')!
    expect(named.parameters).toEqual([{ name: 'x', optional: false, type: named.returns }])
    expect(named.returns.fields).toEqual(['x', 'label', 'weight'])
    expect(named.returns.items?.map(({ text }) => text)).toEqual(['Tensor', 'str', 'float'])
    const forward = session.methods.find(({ name }) => name === 'forward')!
    expect(forward.parameters.map(({ name, optional }) => [name, optional])).toEqual([
      ['x', false],
      ['times', true],
    ])
  })

  describe('what does not fit is refused before it runs', () => {
    test.each<[string, Value[], RegExp]>([
      ['integer', [5.5], /x: expected a whole number/],
      ['integer', [2n ** 70n], /x: expected an integer of 64 bits/],
      ['integer', ['5'], /x: expected int, got a string/],
      ['double', [5n], /x: expected float, got a bigint/],
      ['negate', [1], /x: expected bool, got a number/],
      ['identity', [[1, 2]], /x: expected a tensor, got an array/],
      ['nested', [[[x], [x, 5]]], /x\[1\]\[1\]: expected a tensor, got a number/],
      ['swap', [[1]], /x: expected 2 elements for Tuple\[int, str\], got 1/],
      ['named', [{ x, label: 3, weight: 1 }], /x\.label: expected str, got a number/],
      ['named', [{ x, label: 'a' }], /x\.weight: expected float, got undefined/],
      ['by_name', [{ a: 1 }], /x\["a"\]: expected a tensor, got a number/],
      ['by_number', [{ 1: 2 }], /x: expected a Map for Dict\[int, float\]/],
      ['integer', [], /integer: expected 1 argument, got 0/],
      ['forward', [x, 1, 2], /forward: expected 1 to 2 arguments, got 3/],
      ['identity', [{ dtype: 'float32', shape: [3], data: new Float32Array(2) }], /x: expected as many elements/],
      ['identity', [{ dtype: 'float32', shape: [2], data: new Int32Array(2) } as never], /x: expected the array class/],
      [
        'identity',
        [{ dtype: 'float32', shape: [-1], data: new Float32Array(1) }],
        /x: expected a shape of whole numbers/,
      ],
      ['identity', [{ dtype: 'complex64', shape: [1], data: new Float32Array(2) } as never], /x: expected a dtype/],
      ['identity', [{ dtype: 'string', shape: [1], data: ['a'] }], /x: expected a dtype that libtorch has/],
    ])('%s %#', async (method, args, message) => {
      const error = await rejection(() => session.call(method, ...args), 'INPUT_INVALID')
      expect(error.message).toMatch(message)
      expect(() => session.callSync(method, ...args)).toThrow(message)
    })

    test('an unknown method', async () => {
      const error = await rejection(() => session.call('nope'), 'NOT_FOUND')
      expect(error.message).toMatch(/no method nope; it has forward, /)
    })

    test.each<[string, Value[], RegExp]>([
      ['complex_argument', [1], /complex has no form/],
      ['complex_result', [x], /no ComplexFloat tensors/],
      ['quantized', [x], /no quantized tensors/],
    ])('%s has no form in JavaScript', async (method, args, message) => {
      const error = await rejection(() => session.call(method, ...args), 'BACKEND_INCOMPATIBLE')
      expect(error.message).toMatch(message)
    })
  })

  test('more memory than there is', async () => {
    await rejection(() => session.call('zeros', 1e15), 'OUT_OF_MEMORY')
    expect(await session.call('zeros', 2)).toEqual(tensor('float32', [0, 0]))
  })
})
