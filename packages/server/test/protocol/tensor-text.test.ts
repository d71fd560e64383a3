import { float16FromFloat32, type Tensor, tensor } from '@tensorferry/core'
import { writeFloat32 } from '@tensorferry/inference-protocol/float32-text'
import { tensorTextBytes, textFromTensor, writeTensorText } from '@tensorferry/inference-protocol/tensor-text'
import { describe, expect, test } from 'vitest'

const textOf = (value: Tensor): string => new TextDecoder().decode(textFromTensor(value))
const float32 = (...values: number[]): string => textOf(tensor('float32', Float32Array.from(values)))

/** Fewest digits that lead back to the number, found by trying. */
function fewestDigits(value: number): number {
  let precision = 1
  while (Math.fround(Number(value.toPrecision(precision))) !== value) precision++
  return precision
}

const digitsIn = (text: string): number => text.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '').length || 1

describe('float32', () => {
  test.each([
    [0.1, '0.1'],
    [-0, '-0'],
    [1, '1'],
    [16_777_215, '16777215'],
    [16_777_216, '16777216'],
    [33_554_436, '33554436'],
    [0.3333333432674408, '0.33333334'],
    [1e-7, '1e-7'],
    [0.000001, '0.000001'],
    [1e16, '1e+16'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [1.1754943508222875e-38, '1.1754944e-38'],
    [1.401298464324817e-45, '1e-45'],
    [Number.NaN, '"NaN"'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ])('%d is %s', (value, text) => {
    expect(float32(value)).toBe(text)
  })

  test('leads back to the same bits, through a double too, from each exponent and for random bits', () => {
    const bits = new Uint32Array(200_000)
    const values = new Float32Array(bits.buffer)
    // Numbers beside the powers of two, where steps change, and a fixed sequence of others.
    let place = 0
    for (let exponent = 0; exponent < 255; exponent++) {
      for (const mantissa of [0, 1, 2, 0x400000, 0x7ffffe, 0x7fffff]) bits[place++] = (exponent << 23) | mantissa
    }
    for (let state = 1; place < bits.length; place++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      bits[place] = state % 0xff800000
      if (!Number.isFinite(values[place])) bits[place] = 0
    }
    const bytes = textFromTensor(tensor('float32', values))
    const parsed = JSON.parse(`[${new TextDecoder().decode(bytes)}]`) as number[]
    const back = Float32Array.from(parsed)
    expect(Buffer.from(back.buffer).equals(Buffer.from(values.buffer))).toBe(true)
  })

  test('has as few digits as can be, save for one number in hundreds', () => {
    let longer = 0
    const count = 20_000
    for (let state = 7, index = 0; index < count; index++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const value = Math.fround(state / 2 ** 32)
      if (digitsIn(float32(value)) > fewestDigits(value)) longer++
    }
    expect(longer / count).toBeLessThan(0.01)
  })

  test('never writes more than it asked room for', () => {
    const longest = Float32Array.of(-0.00000123456789, -1.1754944e-38, -1234567890123456, -3.4028235e38)
    const value = tensor('float32', longest)
    for (const one of longest)
      expect(float32(one).length + 1).toBeLessThanOrEqual(tensorTextBytes(value) / longest.length)
    const out = new Uint8Array(tensorTextBytes(value) + 8).fill(0xee)
    const end = writeFloat32(longest, out, 4)
    expect(end).toBeLessThanOrEqual(out.length - 4)
    expect([out[3], out[end]]).toEqual([0xee, 0xee])
  })
})

describe('other dtypes', () => {
  test('float64 keeps every bit', () => {
    const values = [0.1, 1 / 3, -0, 5e-324, 1.7976931348623157e308, 123456789.125]
    const parsed = JSON.parse(`[${textOf(tensor('float64', values))}]`) as number[]
    expect(parsed).toEqual(values)
    expect(Object.is(parsed[2], -0)).toBe(true)
    expect(textOf(tensor('float64', [Number.NaN, -Infinity]))).toBe('"NaN","-Infinity"')
  })

  test.each([
    ['int64', [9007199254740993n, -9223372036854775808n, 0n], '9007199254740993,-9223372036854775808,0'],
    ['int32', [-2147483648, 2147483647, 10, 9], '-2147483648,2147483647,10,9'],
    ['int16', [-32768, 0], '-32768,0'],
    ['int8', [-128, 127], '-128,127'],
    ['uint8', [0, 255, 100, 99], '0,255,100,99'],
    ['bool', [0, 1], 'false,true'],
    ['string', ['a"b', 'é\u0001', '\ud83d\ude00', '\ud800'], '"a\\"b","é\\u0001","😀","\\ud800"'],
    ['float32', [], ''],
  ] as const)('%s', (dtype, values, text) => {
    expect(textOf(tensor(dtype, values as never))).toBe(text)
  })

  test('halves are widened', () => {
    expect(textOf(tensor('float16', float16FromFloat32([0.5, 65504, 0.1])))).toBe('0.5,65504,0.099975586')
    expect(textOf(tensor('bfloat16', Uint16Array.of(0x3f80, 0x7f80)))).toBe('1,"Infinity"')
  })

  test('is written where it is told', () => {
    const out = new Uint8Array(16).fill(0x2e)
    expect(writeTensorText(tensor('int32', [7, -8]), out, 3)).toBe(7)
    expect(new TextDecoder().decode(out)).toBe('...7,-8.........')
  })
})
