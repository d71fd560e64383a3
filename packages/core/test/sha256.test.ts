import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sha256 } from '../src/platform/sha256.ts'

test.each([0, 1, 55, 56, 63, 64, 65, 1000, 1_000_003])('%i bytes in pieces: the hash that Node gives', (length) => {
  const content = Uint8Array.from({ length }, (_, index) => (index * 31) % 251)
  const hash = new Sha256()
  for (let from = 0; from < length; from += 777) hash.update(content.subarray(from, from + 777))
  expect(Buffer.from(hash.digest()).toString('hex')).toBe(createHash('sha256').update(content).digest('hex'))
})
