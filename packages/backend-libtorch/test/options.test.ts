import { availableParallelism } from 'node:os'
import makeBackend, { type LibtorchOptions, libtorch } from '@tensorferry/backend-libtorch'
import { TensorferryError } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { resolveOptions } from '../src/options.ts'

function refusal(options: unknown): TensorferryError {
  try {
    libtorch(options as LibtorchOptions)
  } catch (error) {
    if (TensorferryError.is(error)) return error
    throw error
  }
  throw new Error(`accepted ${JSON.stringify(options)}`)
}

describe('options that are refused', () => {
  test.each<[string, unknown, RegExp]>([
    ['a misspelt name', { thread: 2 }, /unknown option 'thread', did you mean 'threads'\?/],
    ['PyTorch’s own name', { optimize_for_inference: true }, /did you mean 'optimizeForInference'\?/],
    ['a name from nowhere', { colour: 'red' }, /unknown option 'colour'\. Known options: libtorch, threads/],
    ['a fraction of a thread', { threads: 1.5 }, /threads: expected a whole number from 1 to 4096, got 1.5/],
    ['no threads', { threads: 0 }, /threads: .*got 0/],
    ['an empty path', { libtorch: '' }, /libtorch: expected a path/],
    ['an unknown device', { device: 'gpu' }, /device: expected 'cpu', 'cuda'/],
    ['a device without a number', { device: 'cuda:' }, /device: expected/],
    ['a word for a switch', { freeze: 'yes' }, /freeze: expected a boolean, got "yes"/],
    ['trust in everything', { trust: true }, /trust: expected 'native-code' or \{ sha256/],
    ['trust in a short hash', { trust: { sha256: 'abc' } }, /trust: expected/],
    ['trust in nothing', { trust: { sha256: [] } }, /trust: expected/],
    ['a word for mapDevices', { mapDevices: 'cpu' }, /mapDevices: expected a boolean, got "cpu"/],
    [
      'a library without a hash',
      { libraries: [{ path: 'ops.so' }] },
      /libraries: expected a list of \{ path, sha256: 64/,
    ],
    ['one library in place of a list', { libraries: { path: 'a', sha256: 'b' } }, /libraries: expected a list/],
    ['a word for a trial', { trial: 'auto' }, /trial: expected a boolean, got "auto"/],
    ['no object', null, /expected an object of options, got null/],
    ['a list', [], /got an array/],
  ])('%s', (_, options, message) => {
    const error = refusal(options)
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message).toMatch(message)
  })
})

test('the cores are divided among the replicas', () => {
  expect(resolveOptions().threads).toBe(availableParallelism())
  expect(resolveOptions({ replicas: 4096 }).threads).toBe(1)
  expect(resolveOptions({ replicas: 2, threads: 3 })).toMatchObject({ replicas: 2, threads: 3 })
})

test('a hash is compared in lower case', () => {
  const sha256 = 'AB'.repeat(32)
  expect(resolveOptions({ trust: { sha256 } }).trust).toEqual({ sha256: [sha256.toLowerCase()] })
  const path = 'operators.so'
  expect(resolveOptions({ libraries: [{ path, sha256 }] }).libraries).toEqual([{ path, sha256: sha256.toLowerCase() }])
})

test('the factory is the default export too', () => {
  expect(makeBackend).toBe(libtorch)
  expect(libtorch()).toMatchObject({ apiVersion: 1, name: 'libtorch' })
})
