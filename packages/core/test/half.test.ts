import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { bfloat16FromFloat32, float16FromFloat32, float32FromBfloat16, float32FromFloat16 } from '../src/half.ts'
import golden from './goldens/half.json' with { type: 'json' }

/** The bit patterns of make_half_goldens.py. */
function patterns(): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(golden.count)
  for (let i = 0; i < bits.length; i++) bits[i] = Math.imul(i, 2654435761)
  return new Float32Array(bits.buffer)
}

function hashOf(bits: Uint16Array, values: Float32Array, nan: number): string {
  const canonical = bits.map((value, index) => (Number.isNaN(values[index]!) ? nan : value))
  return createHash('sha256').update(canonical).digest('hex')
}

describe('rounding to half precision', () => {
  const values = patterns()
  test('float16 has PyTorch’s bits on a million patterns', () => {
    expect(hashOf(float16FromFloat32(values), values, 0x7e00)).toBe(golden.float16)
  })
  test('bfloat16 has PyTorch’s bits on a million patterns', () => {
    expect(hashOf(bfloat16FromFloat32(values), values, 0x7fc0)).toBe(golden.bfloat16)
  })
})

describe('widening', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
  test('every float16 comes back from float32 with the same bits', () => {
    const widened = float32FromFloat16(all)
    const back = float16FromFloat32(widened)
    const changed = all.filter((bits, index) => back[index] !== bits && !Number.isNaN(widened[index]!))
    expect([...changed]).toEqual([])
  })
  test('every bfloat16 comes back from float32 with the same bits', () => {
    const widened = float32FromBfloat16(all)
    const back = bfloat16FromFloat32(widened)
    const changed = all.filter((bits, index) => back[index] !== bits && !Number.isNaN(widened[index]!))
    expect([...changed]).toEqual([])
  })
  test('known values', () => {
    expect([...float32FromFloat16([0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00])]).toEqual([
      1,
      -2,
      65504,
      2 ** -24,
      Number.POSITIVE_INFINITY,
    ])
    expect([...float32FromBfloat16([0x3f80, 0xc000, 0x7f80])]).toEqual([1, -2, Number.POSITIVE_INFINITY])
  })
})
