import { describe, expect, test } from 'vitest'
import { checkInputs } from '../src/check-inputs.ts'
import { parseDim } from '../src/dims.ts'
import type { Signature } from '../src/signature.ts'
import { tensor, zeros } from '../src/tensor.ts'
import { expectError } from './expect-error.ts'

const signature: Pick<Signature, 'inputs' | 'dims'> = {
  dims: { batch: { min: 1, max: 4 }, height: { min: 2, max: null, multiple_of: 2 } },
  inputs: [
    { name: 'image', dtype: 'float32', shape: ['batch', 1, 'height', null] },
    { name: 'half', dtype: 'float32', shape: ['batch', 'height//2'] },
  ],
}
const image = zeros('float32', [2, 1, 4, 7])
const half = zeros('float32', [2, 2])

describe('checkInputs', () => {
  test('binds the names', () => {
    expect(checkInputs(signature, { image, half })).toEqual({ batch: 2, height: 4 })
  })
  test.each([
    ['a missing input', /half: expected float32\[batch, height\/\/2\], got nothing; given: image/, { image }],
    ['an unknown input', /unknown input "img"; this model takes image, half/, { image, half, img: image }],
    [
      'a wrong dtype',
      /image: expected float32\[batch, 1, height, \?\], got float64\[2, 1, 4, 7\]/,
      { image: zeros('float64', [2, 1, 4, 7]), half },
    ],
    ['a wrong rank', /takes 4 dimensions, this has 3/, { image: zeros('float32', [2, 1, 4]), half }],
    ['a wrong fixed size', /axis 1 must be 1/, { image: zeros('float32', [2, 3, 4, 7]), half }],
    [
      'a size above its range',
      /batch of 1 to 4, got 5/,
      { image: zeros('float32', [5, 1, 4, 7]), half: zeros('float32', [5, 2]) },
    ],
    [
      'a size below its range',
      /height of at least 2, a multiple of 2, got 0/,
      { image: zeros('float32', [1, 1, 0, 7]), half: zeros('float32', [1, 0]) },
    ],
    ['a size that is no multiple', /multiple of 2, got 5/, { image: zeros('float32', [2, 1, 5, 7]), half }],
    [
      'a shared dim that differs',
      /half: expected batch = 2 as in the inputs before it, got 3/,
      { image, half: zeros('float32', [3, 2]) },
    ],
    ['an expression that differs', /half: expected height\/\/2 = 2, got 3/, { image, half: zeros('float32', [2, 3]) }],
    [
      'an array in place of a tensor',
      /got Float32Array; make a tensor of numbers with tensor\('float32', data, \[1, 1, 1, 1\]\)/,
      { image: new Float32Array(4) as never, half },
    ],
    ['null', /got null/, { image: null as never, half }],
    [
      'data of another class',
      /float32 data in Float32Array, got Float64Array/,
      { image: { dtype: 'float32', shape: [1], data: new Float64Array(1) } as never, half },
    ],
    [
      'too few elements',
      /expected 56 elements for shape \[2, 1, 4, 7\], got 3/,
      { image: { ...image, data: new Float32Array(3) }, half },
    ],
    ['a fractional size', /non-negative integers/, { image: { ...image, shape: [2, 1, 4, 0.5] }, half }],
    ['an unknown dtype', /dtype "float"/, { image: { ...image, dtype: 'float' } as never, half }],
  ])('refuses %s', async (_, message, inputs) => {
    await expectError('INPUT_INVALID', message, () => checkInputs(signature, inputs))
  })
  test('refuses what is no object of tensors', async () => {
    await expectError('INPUT_INVALID', /got null/, () => checkInputs(signature, null as never))
    await expectError('INPUT_INVALID', /got an array/, () => checkInputs(signature, [image] as never))
  })
  test('an input whose name is on Object.prototype is still missing', async () => {
    await expectError('INPUT_INVALID', /toString: expected .* got nothing/, () =>
      checkInputs({ inputs: [{ name: 'toString', dtype: 'float32', shape: null }] }, {}),
    )
  })
  test('a spec without dtype or shape takes any tensor', () => {
    expect(checkInputs({ inputs: [{ name: 'x', dtype: null, shape: null }] }, { x: tensor('int8', [1]) })).toEqual({})
  })
})

describe('dim expressions', () => {
  test.each([
    ['3*height', { height: 5 }, 15],
    ['(((height - 1)//2)) + 1', { height: 224 }, 112],
    ['-a // 2', { a: 3 }, -2],
    ['a % 4 + b*2 - 1', { a: -1, b: 3 }, 8],
    ['2*(a + b)', { a: 1, b: 2 }, 6],
    ['a - b - c', { a: 10, b: 3, c: 2 }, 5],
  ])('%s', (text, bound, expected) => {
    expect(parseDim(text).evaluate(bound)).toBe(expected)
  })
  test.each(['', '3 *', 'a b', 'a ** 2', '(a', 'a)', 'a / 2', 'a.b', '1.5', 'f(a)', '*a'])(
    'refuses %j',
    async (text) => {
      await expectError('BUNDLE_INVALID', /dim/, () => parseDim(text))
    },
  )
  test('names what it uses', () => {
    expect(parseDim('2*a + b//a').names).toEqual(['a', 'b'])
  })
})
