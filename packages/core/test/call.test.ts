import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { withCallOptions } from '../src/call.ts'
import { loadModel } from '../src/load.ts'
import { tensor } from '../src/tensor.ts'
import { referenceBackend, referenceFixtures } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { makeBundle } from './make-bundle.ts'

const backend = referenceBackend()

function collectWarnings(): Error[] {
  const warnings: Error[] = []
  const collect = (warning: Error): void => void warnings.push(warning)
  process.on('warning', collect)
  onTestFinished(() => void process.off('warning', collect))
  return warnings
}

describe('a signal that many calls share', () => {
  test('gets one listener, which goes with the last of them; Node warns of nothing', async () => {
    const warnings = collectWarnings()
    const { signal } = new AbortController()
    const ends: ((value: number) => void)[] = []
    const calls = Array.from({ length: 50 }, () =>
      withCallOptions({ signal }, () => new Promise<number>((resolve) => ends.push(resolve))),
    )
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const [index, end] of ends.entries()) end(index)
    expect(await Promise.all(calls)).toEqual(calls.map((_, index) => index))
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    // Warnings are given out on a later turn.
    await setImmediate()
    expect(warnings).toEqual([])
  })
  test('aborts all of them, also when one of them fails at it', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    })
    const never = () => new Promise<never>(() => undefined)
    const told: number[] = []
    const calls = [0, 1, 2].map((index) =>
      withCallOptions({ signal }, never, () => {
        told.push(index)
        if (index === 0) throw new Error('a fault')
      }),
    )
    controller.abort()
    for (const call of calls) await expectError('ABORTED', /aborted by its signal/, () => call)
    await setImmediate()
    expect(told).toEqual([0, 1, 2])
    expect(uncaught).toMatchObject([{ message: 'a fault' }])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
  test('tells those in progress alone, in order, with one error for all', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const ends: (() => void)[] = []
    const told: number[] = []
    const calls = Array.from({ length: 1000 }, (_, index) =>
      withCallOptions(
        { signal },
        () => new Promise<void>((resolve) => ends.push(resolve)),
        () => told.push(index),
      ),
    )
    const isLeft = (index: number): boolean => index % 7 === 3
    for (const [index, end] of ends.entries()) if (!isLeft(index)) end()
    await Promise.all(calls.filter((_, index) => !isLeft(index)))
    controller.abort()
    const results = await Promise.allSettled(calls)
    expect(told).toEqual([...calls.keys()].filter(isLeft))
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(errors).toHaveLength(told.length)
    expect(new Set(errors)).toEqual(new Set([expect.objectContaining({ code: 'ABORTED', cause: signal.reason })]))
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
  test('50 runs at once of a model', async () => {
    const warnings = collectWarnings()
    await using model = await loadModel(await makeBundle(), { backend })
    const { goldens } = await referenceFixtures.find(({ name }) => name === 'general')!.load()
    const { signal } = new AbortController()
    const runs = Array.from({ length: 50 }, () => model.run(goldens[0]!.inputs, { signal }))
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1)
    for (const outputs of await Promise.all(runs)) expect(outputs).toEqual(goldens[0]!.outputs)
    await setImmediate()
    expect(warnings).toEqual([])
  })
})

describe('call options that are wrong are refused by every call', () => {
  const wrong: [unknown, RegExp][] = [
    [{ timeoutms: 5 }, /unknown key 'timeoutms', did you mean 'timeoutMs'\? Known keys: signal, timeoutMs/],
    [{ verify: 'off' }, /unknown key 'verify'\. Known keys/],
    [{ timeoutMs: '5' }, /timeoutMs: expected a positive number of milliseconds, got "5"/],
    [{ timeoutMs: Number.NaN }, /got NaN/],
    [{ timeoutMs: -1 }, /got -1/],
    [{ timeoutMs: 0 }, /got 0/],
    [{ timeoutMs: null }, /got null/],
    [{ signal: {} }, /signal: expected an AbortSignal, got an empty object/],
    [{ signal: new AbortController() }, /got an AbortController; pass controller\.signal/],
    [new AbortController().signal, /got a signal; pass \{ signal \}/],
    [5, /expected \{ signal, timeoutMs(, onStep)? \}, got 5/],
  ]
  test.each(wrong)('%j', async (options, message) => {
    const given = options as never
    await using model = await loadModel(await makeBundle('states'), { backend })
    const stream = model.stream()
    for (const call of [
      () => model.run({}, given),
      () => model.predict(new Uint8Array(), given),
      () => model.preprocess(new Uint8Array(), given),
      () => model.postprocess({}, { originalSize: null, keptPlanes: {} }, given),
      () => stream.run({}, given),
      () => stream.reset(given),
    ]) {
      await expectError('OPTIONS_INVALID', message, call)
    }
  })
  test('onStep, where it is not a function or the call has none', async () => {
    await using model = await loadModel(await makeBundle('upsample'), { backend })
    const onStep = 'decode_image' as never
    const context = { originalSize: null, keptPlanes: {} }
    await expectError('OPTIONS_INVALID', /onStep: expected a function, got "decode_image"/, () =>
      model.preprocess(new Uint8Array(), { onStep }),
    )
    await expectError('OPTIONS_INVALID', /onStep: expected a function/, () =>
      model.postprocess({}, context, { onStep }),
    )
    await expectError('OPTIONS_INVALID', /unknown key 'onStep'/, () => model.run({}, { onStep } as never))
  })
  test('loadModel checks timeoutMs and signal too', async () => {
    const files = await makeBundle()
    await expectError('OPTIONS_INVALID', /timeoutMs: .* got "5"/, () =>
      loadModel(files, { backend, timeoutMs: '5' as never }),
    )
  })
  test('undefined is nothing said', async () => {
    await using model = await loadModel(await makeBundle('upsample'), { backend })
    const [spec] = model.inputs
    const input = tensor('float32', new Float32Array(4), [1, 1, 2, 2])
    await model.run({ [spec!.name]: input }, { signal: undefined, timeoutMs: undefined })
    await model.run({ [spec!.name]: input }, { timeoutMs: Number.POSITIVE_INFINITY })
  })
})
