import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readSafetensors } from '../../src/bundle/safetensors.ts'
import { toNested } from '../../src/nested.ts'
import { expectError } from '../expect-error.ts'

const FILE = new URL('../goldens/every-dtype.safetensors', import.meta.url)

/** A file with that header and `size` bytes of data, right or wrong. */
function file(header: unknown, size: number, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + size)
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}
const entry = (shape: unknown, data_offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets })

describe('readSafetensors', () => {
  test('reads what the safetensors library wrote, every dtype', async () => {
    const tensors = readSafetensors(await readFile(FILE))
    const square = [
      [0, 1],
      [2, 100],
    ]
    for (const dtype of ['float64', 'float32', 'float16', 'bfloat16', 'int32', 'int16', 'int8', 'uint8']) {
      const value = tensors.get(dtype)!
      expect(value.dtype).toBe(dtype)
      expect(toNested(value)).toEqual(square)
    }
    expect(toNested(tensors.get('int64')!)).toEqual([
      [0n, 1n],
      [2n, 100n],
    ])
    expect(toNested(tensors.get('bool')!)).toEqual([true, false, true])
    expect(tensors.get('scalar')).toMatchObject({ shape: [], data: new Float32Array([7.5]) })
    expect(tensors.get('empty')!.shape).toEqual([0, 3])
    expect(tensors.size).toBe(12)
  })
  test('reads from an odd address', async () => {
    const bytes = await readFile(FILE)
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    expect(readSafetensors(shifted.subarray(1)).get('scalar')!.data[0]).toBe(7.5)
  })
  test('a truncated file is refused at every length', async () => {
    const bytes = await readFile(FILE)
    for (let length = 0; length < bytes.length; length += 7) {
      await expectError('BUNDLE_INVALID', /^safetensors: /, () => readSafetensors(bytes.subarray(0, length)))
    }
  })
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /at least 8 bytes/],
    ['a header longer than the file', file({}, 0, 2n ** 63n), /claims 9223372036854775808 bytes/],
    ['a header that is no JSON', file('{"a":', 0), /not JSON/],
    ['a header that is no object', file('[]', 0), /does not begin with {/],
    ['a header that is not UTF-8', file('{"a"}', 0).map((byte, i) => (i === 10 ? 0xff : byte)), /not JSON in UTF-8/],
    ['a byte order mark', file('\uFEFF{}', 0), /begin with {/],
    ['an unknown dtype', file({ a: entry([1], [0, 4], 'F8_E4M3') }, 4), /dtype "F8_E4M3" is none of/],
    ['a dtype of Object.prototype', file({ a: entry([1], [0, 4], 'constructor') }, 4), /is none of/],
    ['an entry that is null', file({ a: null }, 0), /dtype undefined/],
    ['a negative size', file({ a: entry([-1], [0, 4]) }, 4), /not a list of sizes/],
    ['a fractional size', file({ a: entry([0.5], [0, 2]) }, 2), /not a list of sizes/],
    ['offsets that are no pair', file({ a: entry([1], [0]) }, 4), /data_offsets \[0\] is not 2 sizes/],
    ['offsets outside the data', file({ a: entry([2], [0, 8]) }, 4), /takes 8 bytes, got 0 to 8 of 4/],
    ['offsets that run backwards', file({ a: entry([1], [4, 0]) }, 4), /takes 4 bytes, got 4 to 0 of 4/],
    ['a shape that does not fit', file({ a: entry([2], [0, 4]) }, 4), /takes 8 bytes, got 0 to 4 of 4/],
    ['a huge shape', file({ a: entry([2 ** 31, 2 ** 31], [0, 4]) }, 4), /takes .* bytes/],
    ['an overlap', file({ a: entry([1], [0, 4]), b: entry([1], [0, 4]) }, 4), /gap or an overlap/],
    ['a gap', file({ a: entry([1], [4, 8]) }, 8), /begins at 4, expected 0/],
    ['trailing bytes', file({ a: entry([1], [0, 4]) }, 5), /1 bytes belong to no tensor/],
    [
      'equal names',
      file(
        '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
        0,
      ),
      /names a tensor twice/,
    ],
    [
      'a bool of 2',
      file({ a: entry([1], [0, 1], 'BOOL') }, 1).map((byte, i, all) => (i === all.length - 1 ? 2 : byte)),
      /neither 0 nor 1/,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expectError('BUNDLE_INVALID', message, () => readSafetensors(bytes))
  })
})
