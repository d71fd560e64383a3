import { type Signature, tensor, zeros } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { planBatching } from '../../src/batching/batch-plan.ts'
import { DrainRate } from '../../src/batching/drain-rate.ts'
import { newestFirst } from '../../src/models/versions.ts'

const signature = (change: Partial<Signature> = {}): Signature => ({
  dims: { batch: { min: 1, max: 8, batch: true }, length: { min: 1, max: null } },
  inputs: [
    { name: 'ids', dtype: 'int64', shape: ['batch', 'length'] },
    { name: 'mask', dtype: null, shape: ['batch', 'length'] },
  ],
  outputs: [{ name: 'embedding', dtype: 'float32', shape: ['batch', 384] }],
  states: [],
  ...change,
})

test('a signature whose tensors all begin with the batch dim', () => {
  const plan = planBatching(signature(), false)
  expect(plan).toMatchObject({ dim: 'batch', maxRows: 8, rowsOf: 'ids' })
})

test.each([
  ['no dim is marked', signature({ dims: { batch: { min: 1, max: 8 } } }), false, 'marks no dim as batch'],
  [
    'an input without it',
    signature({ inputs: [{ name: 'scale', dtype: 'float32', shape: [] }] }),
    false,
    'scale has not batch',
  ],
  [
    'an output without it',
    signature({ outputs: [{ name: 'mean', dtype: 'float32', shape: [384] }] }),
    false,
    'mean has not batch',
  ],
  [
    'an output of unknown rank',
    signature({ outputs: [{ name: 'y', dtype: 'float32', shape: null }] }),
    false,
    'y has not batch',
  ],
  [
    'rows against rows',
    signature({ outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'batch'] }] }),
    false,
    'another dim',
  ],
  [
    'rows in an expression',
    signature({ outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', '2*batch+1'] }] }),
    false,
    'another dim',
  ],
  ['states', signature({ states: [{ input: 'ids', output: 'embedding', init: 'zeros' }] }), false, 'keeps state'],
  ['a session with a reset', signature(), true, 'keeps state'],
])('%s: never batched', (_, one, keepsState, reason) => {
  expect(planBatching(one, keepsState)).toMatchObject({ dim: null, reason: expect.stringContaining(reason) })
})

test('only what is equal behind the batch dim goes together', () => {
  const plan = planBatching(signature(), false)
  if (plan.dim === null) throw new Error('expected a plan')
  const key = (rows: number, length: number, mask: 'int64' | 'bool') =>
    plan.keyOf({ ids: zeros('int64', [rows, length]), mask: zeros(mask, [rows, length]) })
  expect(key(1, 5, 'int64')).toBe(key(4, 5, 'int64'))
  expect(key(1, 5, 'int64')).not.toBe(key(1, 6, 'int64'))
  expect(key(1, 5, 'int64')).not.toBe(key(1, 5, 'bool'))
  // Sizes do not run into one another.
  const pair = (left: number[], right: number[]) =>
    plan.keyOf({ ids: tensor('int64', [], [0, ...left]), mask: tensor('int64', [], [0, ...right]) })
  expect(pair([1, 11], [1])).not.toBe(pair([11, 1], [1]))
  expect(pair([1], [11])).not.toBe(pair([1, 11], []))
})

test('the time to wait is that of the runs of late', () => {
  const rate = new DrainRate()
  expect(rate.secondsFor(1000)).toBe(1)
  // 4 requests in 2 s on 2 replicas: 4 in a second.
  rate.add(4, 2000, 2)
  expect(rate.secondsFor(100)).toBe(25)
  for (let run = 0; run < 200; run++) rate.add(1, 10, 1)
  expect(rate.secondsFor(995)).toBe(10)
})

test('versions, the newest first', () => {
  const versions = ['1.9.2', '2', '1.10.0', '1.0.0-beta', '1.0.0', '1.0', '10', 'b', 'a']
  expect(versions.sort(newestFirst)).toEqual(['b', 'a', '10', '2', '1.10.0', '1.9.2', '1.0.0', '1.0.0-beta', '1.0'])
})
