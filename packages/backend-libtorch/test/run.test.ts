import { libtorch } from '@tensorferry/backend-libtorch'
import { type Signature, type TensorSpec, tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { processThreads, timesAsleep } from './caller-thread.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'
import { rejection } from './expect-error.ts'
import { inMemory, load } from './model-file.ts'

const x = tensor('float32', [1, -2])

function signatureOf(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): Signature {
  return { dims: {}, inputs, outputs, states: [] }
}

const spec = (name: string, shape: readonly number[] = [2]): TensorSpec => ({ name, dtype: 'float32', shape })

describeWithLibtorch('run', () => {
  test('a file in memory gives what the file on disk gives', async () => {
    const input = tensor(
      'float32',
      Array.from({ length: 10 }, (_, index) => index / 10),
      [1, 10],
    )
    const onDisk = await load('mlp-10-10')
    const fromMemory = await libtorch({ libtorch: libtorchRoot }).createSession({ artifact: inMemory('mlp-10-10.pt') })
    const outputs = await onDisk.run({ input })
    expect(outputs.output0!.shape).toEqual([1, 10])
    expect(await fromMemory.run({ input })).toEqual(outputs)
    expect(onDisk.runSync({ input })).toEqual(outputs)
    await Promise.all([onDisk.dispose(), fromMemory.dispose()])
  })

  test('freezing and optimising keep the numbers', async () => {
    const input = tensor(
      'float32',
      Array.from({ length: 10 }, (_, index) => index / 10),
      [1, 10],
    )
    const sessions = await Promise.all([
      load('mlp-10-10'),
      load('mlp-10-10', { freeze: true }),
      load('mlp-10-10', { optimizeForInference: true }),
    ])
    const [plain, frozen, optimized] = await Promise.all(sessions.map((session) => session.run({ input })))
    expect(frozen).toEqual(plain)
    const [expected, got] = [plain!.output0!.data as Float32Array, optimized!.output0!.data as Float32Array]
    expect(Math.max(...expected.map((value, index) => Math.abs(value - got[index]!)))).toBeLessThan(1e-6)
    expect(sessions.map(({ runtime }) => runtime.frozen)).toEqual([false, true, true])
    await Promise.all(sessions.map((session) => session.dispose()))
  })

  test('a NamedTuple names the outputs, a scalar is a tensor of shape []', async () => {
    const session = await load('named-result')
    expect(session.outputs.map(({ name }) => name)).toEqual(['total', 'rows'])
    expect(await session.run({ x })).toEqual({ total: tensor('float32', [-1], []), rows: tensor('int64', [2], []) })
    expect(session.runSync({ x })).toEqual(await session.run({ x }))
    await session.dispose()
  })

  test('a dict names the outputs when it is there', async () => {
    const session = await load('dict-result')
    expect(session.outputs).toEqual([])
    const expected = { double: tensor('float32', [2, -4]), sum: tensor('float32', [-1], []) }
    expect(await session.run({ x })).toEqual(expected)
    expect(session.runSync({ x })).toEqual(expected)
    await session.dispose()
  })

  test('a signature names inputs and outputs by their order', async () => {
    const session = await load('dict-result', {}, signatureOf([spec('values')], [spec('twice'), spec('total', [])]))
    expect(await session.run({ values: x })).toEqual({
      twice: tensor('float32', [2, -4]),
      total: tensor('float32', [-1], []),
    })
    await session.dispose()
  })

  test('scalars travel as tensors of shape []', async () => {
    const session = await load('scalars')
    expect(session.inputs.map(({ name, kind = 'tensor', dtype }) => [name, kind, dtype])).toEqual([
      ['x', 'tensor', null],
      ['times', 'int', 'int64'],
      ['plus', 'float', 'float64'],
      ['invert', 'bool', 'bool'],
      ['mode', 'str', 'string'],
    ])
    const scalars = {
      times: tensor('int64', [3], []),
      plus: tensor('float64', [0.5], []),
      invert: tensor('bool', [true], []),
      mode: tensor('string', ['m'], []),
    }
    const expected = {
      output0: tensor('float32', [-3.5, 5.5]),
      output1: scalars.times,
      output2: scalars.plus,
      output3: scalars.invert,
      output4: scalars.mode,
    }
    expect(await session.run({ x, ...scalars })).toEqual(expected)
    expect(session.runSync({ x, ...scalars })).toEqual(expected)
    await session.dispose()
  })

  test.each([
    ['too few inputs', [], [spec('y')]],
    ['too many inputs', [spec('a'), spec('b')], [spec('y')]],
    ['another kind', [{ name: 'x', dtype: 'int64', shape: [], kind: 'int' } as const], [spec('y')]],
  ])('a signature with %s is refused', async (_, inputs, outputs) => {
    const error = await rejection(() => load('dict-result', {}, signatureOf(inputs, outputs)), 'BUNDLE_INVALID')
    expect(error.message).toMatch(/does not fit the model/)
  })

  test('a signature with other outputs is found out by the first run', async () => {
    const few = await load('dict-result', {}, signatureOf([spec('x')], [spec('y')]))
    expect((await rejection(() => few.run({ x }), 'BUNDLE_INVALID')).message).toMatch(
      /lists 1 outputs \(y\), the model returned 2/,
    )
    await few.dispose()
    const other = { name: 'y', dtype: 'int64', shape: null } as const
    const wrong = await load('dict-result', {}, signatureOf([spec('x')], [other, spec('z', [])]))
    expect((await rejection(() => wrong.run({ x }), 'BUNDLE_INVALID')).message).toMatch(
      /"y" is float32 in the model, int64/,
    )
    await wrong.dispose()
  })

  test('an exception that the model raises', async () => {
    const session = await load('raising')
    const error = await rejection(() => session.run({ x: tensor('float32', [1]) }), 'RUNTIME_FAILED')
    expect(error.message).toMatch(
      /^the model raised ValueError: the sum must not be positive\n {2}File "code\/__torch__.py"/,
    )
    expect(error.details).toMatchObject({ exception: 'ValueError' })
    const shape = await rejection(() => session.run({ x: tensor('float32', [-1]) }), 'RUNTIME_FAILED')
    expect(shape.message).toMatch(/RuntimeError: shape '\[3, 5\]' is invalid for input of size 1/)
    expect(shape.details).not.toHaveProperty('exception')
    expect(() => session.runSync({ x: tensor('float32', [1]) })).toThrow(/the model raised ValueError/)
    expect(await session.run({ x: tensor('float32', new Float32Array(15)) })).toEqual({
      output0: tensor('float32', new Float32Array(15), [3, 5]),
    })
    await session.dispose()
  })

  test('inner state goes on, and reset brings it back', async () => {
    const session = await load('running', { replicas: 2 })
    expect(session.runtime.replicas).toBe(1)
    const step = async () => {
      const { output0, output1 } = await session.run({ x })
      return [...(output0!.data as Float32Array), Number(output1!.data[0])]
    }
    expect([await step(), await step()]).toEqual([
      [1, -2, 1],
      [2, -4, 2],
    ])
    await session.reset!()
    expect(await step()).toEqual([1, -2, 1])
    expect(session.runSync({ x }).output1).toEqual(tensor('int64', [2], []))
    expect(await session.attribute('steps')).toBe(2)
    await session.dispose()
  })

  test('a warm-up leaves no trace in inner state', async () => {
    const outputs = [spec('total'), { name: 'steps', dtype: 'int64', shape: [] } as const]
    const session = await load('running', { warmup: 3 }, signatureOf([spec('x')], outputs))
    expect(session.runtime.warmup).toMatchObject({ skipped: null })
    expect(session.runtime.warmup.milliseconds).toHaveLength(3)
    expect((await session.run({ x })).steps).toEqual(tensor('int64', [1], []))
    await session.dispose()
  })

  test('batch norm does not remember', async () => {
    const session = await load('normalized')
    expect(session.reset).toBeUndefined()
    await session.dispose()
  })

  test('runSync of two threads: the same bits, before it is found out where it may run and after', async () => {
    const session = await load('mlp-10-10', { threads: 2 })
    const values = Array.from({ length: 40 }, (_, index) => Math.sin(index))
    for (const rows of [1, 4]) {
      const input = tensor('float32', values.slice(0, 10 * rows), [rows, 10])
      const expected = await session.run({ input })
      for (let call = 0; call < 8; call++) {
        expect(session.runSync({ input })).toEqual(expected)
        expect(session.callSync('forward', input)).toEqual(expected.output0)
      }
    }
    await session.dispose()
    const input = tensor('float32', values.slice(0, 10), [1, 10])
    expect(() => session.runSync({ input })).toThrow(/disposed/)
    await rejection(() => session.call('forward', input), 'SESSION_DISPOSED')
    await rejection(() => session.attribute('training'), 'SESSION_DISPOSED')
  })

  test.skipIf(process.platform !== 'linux')(
    'runSync of a small model waits for no thread and starts none',
    async () => {
      const session = await load('mlp-10-10', { threads: 2 })
      const input = tensor('float32', new Float32Array(10), [1, 10])
      const threads = processThreads()
      for (let call = 0; call < 20; call++) session.runSync({ input })
      const before = timesAsleep()
      for (let call = 0; call < 1000; call++) session.runSync({ input })
      expect(timesAsleep() - before).toBeLessThan(200)
      expect(processThreads()).toEqual(threads)
      await session.dispose()
    },
  )

  test.each([1, 2])(
    '%i threads: runSync comes after what was sent before, where the model remembers',
    async (threads) => {
      const session = await load('running', { threads })
      const steps: Promise<unknown>[] = []
      for (let step = 1; step < 40; step += 2) {
        steps.push(session.run({ x }).then(({ output1 }) => expect(output1!.data[0]).toBe(BigInt(step))))
        expect(session.runSync({ x }).output1!.data[0]).toBe(BigInt(step + 1))
        await steps.at(-1)
      }
      await session.dispose()
    },
  )

  test('large outputs live as long as they are used', async () => {
    const session = await load('values')
    const large = tensor('float32', new Float32Array(1_000_000).fill(3))
    const outputs = await Promise.all(Array.from({ length: 8 }, () => session.run({ x: large })))
    await session.dispose()
    for (const { output0 } of outputs) expect((output0!.data as Float32Array).every((value) => value === 6)).toBe(true)
  })
})
