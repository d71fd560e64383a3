import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { heapFlags, letHeapGrow } from '../src/commands/serve/heap-growth.ts'

test('the heap of a server may grow, unless its caller has set flags of the heap himself', () => {
  expect(heapFlags([])).toEqual(['--heap-growing-percent=300'])
  expect(heapFlags(['--enable-source-maps'])).toHaveLength(1)
  for (const chosen of ['--heap-growing-percent=100', '--max-old-space-size=512', '--initial_old_space_size=256']) {
    expect(heapFlags(['--enable-source-maps', chosen])).toEqual([])
  }
})

test('it grows once there are four full collections in a row', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const flags: string[] = []
  letHeapGrow((flag) => flags.push(flag))
  // Observers are told on a later turn.
  await setTimeout(50)
  expect(flags).toEqual([])
  for (let time = 0; time < 8; time++) collect()
  await vi.waitFor(() => expect(flags).toEqual(['--heap-growing-percent=300']))
  for (let time = 0; time < 8; time++) collect()
  await setTimeout(50)
  expect(flags).toHaveLength(1)
})
