import { expect, test } from 'vitest'
import { heapFlags } from '../src/commands/serve/heap-growth.ts'

test('the heap of a server may grow to four times what is in use, unless its caller says something else', () => {
  expect(heapFlags([])).toEqual(['--heap-growing-percent=300'])
  expect(heapFlags(['--enable-source-maps'])).toHaveLength(1)
  for (const chosen of ['--max-old-space-size=512', '--initial_old_space_size=64', '--heap-growing-percent=50']) {
    expect(heapFlags(['--enable-source-maps', chosen])).toEqual([])
  }
})
