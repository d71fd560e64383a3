import { expect, it } from 'vitest'
import { ReplyMemory } from '../../src/encode/reply-memory.ts'

it('gives memory out again once it was given back, and never twice at a time', () => {
  const memory = new ReplyMemory()
  const first = memory.take(70_000)
  const second = memory.take(70_000)
  expect(second.buffer).not.toBe(first.buffer)
  expect([first.byteLength, first.buffer.byteLength]).toEqual([70_000, 131_072])
  memory.give(first.subarray(0, 10))
  const third = memory.take(100_000)
  expect(third.buffer).toBe(first.buffer)
  expect(third.byteLength).toBe(100_000)
  expect(memory.take(100_000).buffer).not.toBe(first.buffer)
})

it('keeps neither small, nor large, nor odd memory, and 16 MiB at most', () => {
  const memory = new ReplyMemory()
  for (const bytes of [100, 20_000, 4 * 1024 * 1024]) {
    const own = new Uint8Array(bytes)
    memory.give(own)
    expect(memory.take(bytes).buffer).not.toBe(own.buffer)
  }
  const taken = Array.from({ length: 20 }, () => memory.take(1024 * 1024))
  for (const one of taken) memory.give(one)
  const buffers = new Set(taken.map(({ buffer }) => buffer))
  const again = Array.from({ length: 20 }, () => memory.take(1024 * 1024))
  expect(again.filter(({ buffer }) => buffers.has(buffer))).toHaveLength(16)
})
