import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { DTYPE_NAMES, DTYPES } from '../src/dtype.ts'
import { fromNested, toNested } from '../src/nested.ts'
import { formatTensor } from '../src/print.ts'
import { cloneTensor, type DType, elementCount, reshape, tensor, zeros } from '../src/tensor.ts'
import { expectError } from './expect-error.ts'

describe('tensor', () => {
  test('takes arrays of another realm and of classes with the same bits, without a copy', () => {
    const foreign = runInNewContext('new Float32Array([1, 2, 3]).subarray(1)') as Float32Array<ArrayBuffer>
    const { data } = tensor('float32', foreign)
    expect(data).toBeInstanceOf(Float32Array)
    expect(data).toEqual(new Float32Array([2, 3]))
    foreign[0] = 7
    expect(data[0]).toBe(7)
    const clamped = new Uint8ClampedArray([0, 255])
    expect(tensor('uint8', clamped).data).toEqual(new Uint8Array([0, 255]))
    expect(tensor('uint8', clamped).data.buffer).toBe(clamped.buffer)
    expect(() => tensor('int8', clamped)).toThrow(/int8 is stored in Int8Array, got Uint8ClampedArray/)
  })
  test('refuses int64 that 64 bits do not hold', () => {
    expect(tensor('int64', [2n ** 63n - 1n]).data[0]).toBe(2n ** 63n - 1n)
    expect(() => tensor('int64', [2n ** 63n])).toThrow(
      /element 0 is 9223372036854775808, expected a whole number of 64 bits for int64/,
    )
  })
  test('keeps a typed array of the right class without a copy', () => {
    const data = new Float32Array([1, 2, 3, 4])
    const value = tensor('float32', data, [2, 2])
    expect(value.data).toBe(data)
    expect(value.shape).toEqual([2, 2])
  })
  test('converts plain arrays for every dtype', () => {
    expect([...tensor('int64', [1, 2n, -3]).data]).toEqual([1n, 2n, -3n])
    expect([...tensor('bool', [true, false, 2]).data]).toEqual([1, 0, 1])
    expect([...tensor('float16', [1, -2]).data]).toEqual([0x3c00, 0xc000])
    expect([...tensor('bfloat16', [1, -2]).data]).toEqual([0x3f80, 0xc000])
    expect(tensor('string', ['a', 'b']).data).toEqual(['a', 'b'])
    expect([...tensor('float64', [0.1]).data]).toEqual([0.1])
    for (const dtype of ['int8', 'int16', 'int32', 'uint8'] as const)
      expect([...tensor(dtype, [1, 2]).data]).toEqual([1, 2])
  })
  test('a scalar has shape [] and one element', () => {
    expect(tensor('float32', [7], []).shape).toEqual([])
    expect(elementCount([])).toBe(1)
  })
  test.each([
    ['count', /shape \[2, 2\] holds 4 elements, got 3/, () => tensor('float32', new Float32Array(3), [2, 2])],
    [
      'class',
      /float32 is stored in Float32Array, got Float64Array/,
      () => tensor('float32', new Float64Array(2) as never),
    ],
    ['range', /element 1 is 300, expected a whole number from 0 to 255 for uint8/, () => tensor('uint8', [1, 300])],
    ['fraction', /whole number/, () => tensor('int32', [0.5])],
    ['unsafe int64', /whole number of 64 bits for int64/, () => tensor('int64', [2 ** 60 + 0.5, Number.NaN])],
    ['dtype', /unknown dtype "float"/, () => tensor('float' as DType, [1] as never)],
    ['shape', /non-negative integers/, () => tensor('float32', [1], [-1])],
    ['string', /expected a string/, () => tensor('string', [1] as never)],
    ['number', /is string/, () => tensor('float32', ['1'] as never)],
  ])('refuses a wrong %s', async (_, message, work) => {
    await expectError('INPUT_INVALID', message, work)
  })
  test('is plain data: clones, spreads and compares like an object literal', () => {
    const value = tensor('float32', [1, 2])
    expect(structuredClone(value)).toEqual({ dtype: 'float32', shape: [2], data: new Float32Array([1, 2]) })
    expect(Reflect.ownKeys({ ...value })).toEqual(['dtype', 'shape', 'data'])
  })
})

describe('reshape, zeros, clone', () => {
  test('reshape shares memory and works out -1', () => {
    const value = tensor('int32', [1, 2, 3, 4, 5, 6])
    const matrix = reshape(value, [2, -1])
    expect(matrix.shape).toEqual([2, 3])
    expect(matrix.data).toBe(value.data)
  })
  test.each([[[4]], [[-1, -1]], [[4, -1]], [[0, -1]]])('reshape refuses %j for six elements', async (shape) => {
    await expectError('INPUT_INVALID', /6 elements and does not fit/, () =>
      reshape(tensor('int32', [1, 2, 3, 4, 5, 6]), shape),
    )
  })
  test('zeros of every dtype', () => {
    for (const dtype of DTYPE_NAMES) {
      const value = zeros(dtype, [2, 3])
      expect(value.data.length).toBe(6)
      if (DTYPES[dtype].array) expect(value.data).toBeInstanceOf(DTYPES[dtype].array!)
    }
  })
  test('a clone has memory of its own', () => {
    const value = tensor('float32', [1, 2])
    const copy = cloneTensor(value)
    copy.data[0] = 9
    expect(value.data[0]).toBe(1)
  })
})

describe('nested arrays', () => {
  test('there and back', () => {
    const nested = [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ]
    const value = fromNested('float32', nested)
    expect(value.shape).toEqual([1, 3, 2])
    expect(toNested(value)).toEqual(nested)
    expect(fromNested('float32', 3).shape).toEqual([])
    expect(toNested(fromNested('bool', [true, false]))).toEqual([true, false])
    expect(toNested(tensor('float16', [0.5, 2]))).toEqual([0.5, 2])
    expect(toNested(fromNested('float32', [[], []]))).toEqual([[], []])
  })
  test('ragged arrays are refused with their place', async () => {
    await expectError('INPUT_INVALID', /ragged at \[1\]: expected 2 entries, got 1 entries/, () =>
      fromNested('float32', [[1, 2], [3]]),
    )
    await expectError('INPUT_INVALID', /ragged at \[1\]: expected 1 entries, got a value/, () =>
      fromNested('float32', [[1], 2]),
    )
  })
})

describe('printing', () => {
  test('short tensors whole, halves and bools as values', () => {
    expect(formatTensor(tensor('float32', [1, 0.1, -3], [3]))).toBe('float32[3] [1, 0.1, -3]')
    expect(formatTensor(tensor('bool', [1, 0]))).toBe('bool[2] [true, false]')
    expect(formatTensor(tensor('float16', [0.5], []))).toBe('float16[] 0.5')
    expect(formatTensor(tensor('string', ['a"b']))).toBe('string[1] ["a\\"b"]')
    expect(formatTensor(zeros('int64', [0, 3]))).toBe('int64[0, 3] []')
    expect(formatTensor(tensor('int32', [1, 2, 3, 4], [2, 2]))).toBe('int32[2, 2]\n[[1, 2],\n [3, 4]]')
  })
  test('long tensors by their edges', () => {
    const data = Int32Array.from({ length: 3000 }, (_, index) => index)
    expect(formatTensor(tensor('int32', data))).toBe('int32[3000] [0, 1, 2, ..., 2997, 2998, 2999]')
    expect(formatTensor(tensor('int32', data, [3, 1000]))).toContain('[1000, 1001, 1002, ..., 1997, 1998, 1999]')
  })
  test('console.log in Node shows the text', () => {
    expect(inspect(tensor('uint8', [1, 2]))).toBe('uint8[2] [1, 2]')
  })
})
