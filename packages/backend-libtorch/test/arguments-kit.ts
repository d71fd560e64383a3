import { type LibtorchSession, libtorch, type Value } from '@tensorferry/backend-libtorch'
import { type Signature, type Tensor, type TensorSpec, type Tensors, tensor } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { rejection } from './expect-error.ts'
import { onDisk } from './model-file.ts'

const f32 = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor =>
  tensor('float32', values, shape)
const int = (value: number): Tensor => tensor('int64', [value], [])
const x = f32([1, -2])
const y = f32([10, 20])
/** Of PyTorch's own LSTM. */
const H = [0.08650596, 0.2643691, 0.32549334]
const names = (specs: readonly TensorSpec[]): string[] => specs.map(({ name }) => name)
const spec = (name: string, more: Partial<TensorSpec> = {}): TensorSpec => ({
  name,
  dtype: 'float32',
  shape: null,
  ...more,
})

function signatureOf(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): Signature {
  return { dims: {}, inputs, outputs, states: [] }
}

/** Declares what `run` and `call` make of arguments and results of every shape, for one libtorch. */
export function argumentsOfEveryShape(root: string): void {
  async function using(
    name: string,
    use: (session: LibtorchSession) => Promise<void>,
    signature?: Signature,
  ): Promise<void> {
    const backend = libtorch({ libtorch: root, threads: 1 })
    const artifact = onDisk(`arguments/${name}.pt`)
    const session = await backend.createSession({ artifact, ...(signature ? { signature } : {}) })
    await use(session)
    await session.dispose()
  }

  /** `run` and `runSync` give the same, in the same order. */
  async function expectRun(session: LibtorchSession, inputs: Tensors, expected: Tensors): Promise<void> {
    for (const outputs of [await session.run(inputs), session.runSync(inputs)]) {
      expect(Object.entries(outputs)).toEqual(Object.entries(expected))
    }
  }

  async function expectCall(session: LibtorchSession, method: string, args: Value[], expected: Value): Promise<void> {
    expect(await session.call(method, ...args)).toEqual(expected)
    expect(session.callSync(method, ...args)).toEqual(expected)
  }

  describe('results keep the model’s order', () => {
    const [p5, p4, p3] = [f32([32, -64]), f32([16, -32]), f32([8, -16])]

    test('keys that an object would reorder, under a signature’s names', () =>
      using(
        'pyramid',
        async (session) => expectRun(session, { x }, { p5, p4, p3 }),
        signatureOf([spec('x')], [spec('p5'), spec('p4'), spec('p3')]),
      ))

    test('int keys, under a signature’s names', () =>
      using(
        'int-keys',
        async (session) => expectRun(session, { x }, { p5, p4, p3 }),
        signatureOf([spec('x')], [spec('p5'), spec('p4'), spec('p3')]),
      ))

    test.each([
      ['pyramid', ['32', '16', '8']],
      ['int-keys', [32, 16, 8]],
    ])('%s: names of their own, and a Map from call', (name, keys) =>
      using(name, async (session) => {
        await expectRun(session, { x }, { 'output.32': p5, 'output.16': p4, 'output.8': p3 })
        const result = (await session.call('forward', x)) as Map<string | number, Tensor>
        expect([...result]).toEqual([
          [keys[0], p5],
          [keys[1], p4],
          [keys[2], p3],
        ])
      }),
    )

    test('dicts in dicts', () =>
      using('nested-dicts', async (session) => {
        const [two, one, z] = [f32([2, -4]), f32([1, -2]), f32([26, -52])]
        await expectRun(session, { x }, { 'b.2': two, 'b.1': one, 'a.z': z })
        const result = (await session.call('forward', x)) as { b: Map<string, Tensor>; a: { z: Tensor } }
        expect(Object.keys(result)).toEqual(['b', 'a'])
        expect([...result.b]).toEqual([
          ['2', two],
          ['1', one],
        ])
        expect(result.a).toEqual({ z })
      }))

    test('dicts in dicts under a signature', () =>
      using(
        'nested-dicts',
        async (session) => expectRun(session, { x }, { first: f32([2, -4]), second: x, third: f32([26, -52]) }),
        signatureOf([spec('x')], [spec('first'), spec('second'), spec('third')]),
      ))

    test('two results of one name are refused by run and told apart by call', () =>
      using('dotted-keys', async (session) => {
        const error = await rejection(() => session.run({ x }), 'BACKEND_INCOMPATIBLE')
        expect(error.message).toMatch(/two results of forward get the name "a\.b\.c"; use session\.call/)
        await expectCall(session, 'forward', [x], { a: { 'b.c': x }, 'a.b': { c: f32([2, -4]) } })
      }))

    test('the module’s own hooks are part of it', () =>
      using('hooked', async (session) => {
        await expectRun(session, { x }, { output0: f32([18, -9]) })
        await expectCall(session, 'forward', [x], f32([18, -9]))
      }))

    test('as many as there are this time', () =>
      using('maybe-empty', async (session) => {
        await expectRun(session, { x: y }, { output0: y })
        await expectRun(session, { x }, {})
        await expectCall(session, 'forward', [x], [])
      }))
  })

  describe('arguments of every shape', () => {
    const image = f32([1, 2, 3, 4, 5, 6], [1, 2, 3])
    const other = f32([9, 8, 7, 6], [1, 2, 2])
    const boxes = f32([1, 2, 3, 4], [1, 4])

    test('a list of tensors, and a default left out or given', () =>
      using('detector', async (session) => {
        expect(names(session.inputs)).toEqual(['images.0'])
        const found = {
          'output1.0.boxes': boxes,
          'output1.0.scores': f32([6]),
          'output1.1.boxes': f32([9, 8, 7, 6], [1, 4]),
          'output1.1.scores': f32([9]),
        }
        await expectRun(session, { 'images.0': image, 'images.1': other }, found)
        // The order of names is the caller's own.
        await expectRun(session, { 'images.1': other, 'images.0': image }, found)
        const labels = tensor('int64', [2, 3])
        await expectRun(
          session,
          { 'images.0': image, 'targets.0.labels': labels },
          { 'output0.count': int(6), 'output1.0.boxes': boxes, 'output1.0.scores': f32([6]) },
        )
        const detections = [{ boxes, scores: f32([6]) }]
        await expectCall(session, 'forward', [[image]], [{}, detections])
        await expectCall(session, 'forward', [[image], [{ labels }]], [{ count: int(6) }, detections])
        await expectCall(session, 'forward', [[]], [{}, []])
      }))

    test('a list of tensors under a signature', () =>
      using(
        'detector',
        async (session) =>
          expectRun(
            session,
            { left: image, right: other },
            { a: boxes, b: f32([6]), c: f32([9, 8, 7, 6], [1, 4]), d: f32([9]) },
          ),
        signatureOf([spec('left'), spec('right')], [spec('a'), spec('b'), spec('c'), spec('d')]),
      ))

    test.each<[string, Tensors, RegExp]>([
      ['none', {}, /^images\.0: expected tensor, got nothing; given: no inputs/],
      ['a gap', { 'images.0': x, 'images.2': x }, /^images\.1: expected tensor, got nothing/],
      ['no index', { 'images.0': x, 'images.first': x }, /unknown input "images\.first"; this model takes images\.0/],
      ['a date', { 'images.20240131': x }, /^images: expected at most 65536 elements/],
    ])('a list with %s', (_, inputs, message) =>
      using('detector', async (session) => {
        expect((await rejection(() => session.run(inputs), 'INPUT_INVALID')).message).toMatch(message)
        expect(() => session.runSync(inputs)).toThrow(message)
      }),
    )

    test('a tuple goes round: its results are the next inputs', () =>
      using('recurrent', async (session) => {
        expect(names(session.inputs)).toEqual(['x', 'state.0', 'state.1'])
        expect(names(session.outputs)).toEqual(['output0', 'output1.0', 'output1.1'])
        const first = { output0: f32([11, 18]), 'output1.0': f32([11, 21]), 'output1.1': f32([2, -4]) }
        await expectRun(session, { x, 'state.0': y, 'state.1': x }, first)
        await expectRun(
          session,
          { x, 'state.0': first['output1.0'], 'state.1': first['output1.1'] },
          { output0: f32([12, 19]), 'output1.0': f32([12, 22]), 'output1.1': f32([4, -8]) },
        )
        await expectCall(session, 'forward', [x, [y, x]], [f32([11, 18]), [f32([11, 21]), f32([2, -4])]])
        const error = await rejection(() => session.run({ x, 'state.0': y }), 'INPUT_INVALID')
        expect(error.message).toMatch(/^state\.1: expected tensor, got nothing; given: x, state\.0/)
      }))

    test('a tuple under a signature, by its order', () =>
      using(
        'recurrent',
        async (session) => {
          expect(session.runtime.warmup).toMatchObject({ skipped: null })
          await expectRun(session, { x, h: y, c: x }, { y: f32([11, 18]), h2: f32([11, 21]), c2: f32([2, -4]) })
        },
        signatureOf(
          ['x', 'h', 'c'].map((name) => spec(name, { shape: [2] })),
          [spec('y'), spec('h2'), spec('c2')],
        ),
      ))

    test('a traced LSTM', () =>
      using('traced-lstm', async (session) => {
        const [hidden, cell] = [f32([0.1, 0.2, 0.3], [1, 1, 3]), f32([0.4, 0.5, 0.6], [1, 1, 3])]
        expect(session.inputs).toHaveLength(3)
        const [first, h, c] = names(session.inputs)
        const outputs = await session.run({ [first!]: f32([1, -2], [1, 1, 2]), [h!]: hidden, [c!]: cell })
        const golden = [H, H, [0.71581227, 0.35444495, 0.87003046]]
        const got = Object.values(outputs).map(({ data }) => [...(data as Float32Array)])
        expect(got).toHaveLength(3)
        golden.forEach((values, index) => {
          values.forEach((value, at) => {
            expect(got[index]![at]).toBeCloseTo(value, 6)
          })
        })
      }))

    test('a dict, by its keys', () =>
      using('dict-argument', async (session) => {
        expect(session.inputs).toEqual([])
        await expectRun(session, { 'inputs.b': x, 'inputs.a': y }, { output0: f32([9, 22]) })
        await expectCall(session, 'forward', [{ a: y, b: x }], f32([9, 22]))
        const error = await rejection(() => session.run({ a: y, b: x }), 'INPUT_INVALID')
        expect(error.message).toMatch(
          /^inputs: expected tensors under the keys of a dict, such as inputs\.key, got a, b/,
        )
      }))

    test('a dict under a signature: its names say the keys', () =>
      using(
        'dict-argument',
        async (session) => expectRun(session, { 'inputs.a': y, 'inputs.b': x }, { difference: f32([9, 22]) }),
        signatureOf([spec('inputs.a'), spec('inputs.b')], [spec('difference')]),
      ))

    test('a dict of numbers in the caller’s order, and a NamedTuple', () =>
      using('int-dict-argument', async (session) => {
        const point = {
          'point.x': x,
          'point.label': tensor('string', ['p'], []),
          'point.weight': tensor('float64', [0.5], []),
        }
        const outputs = await session.run({ 'levels.32': y, 'levels.8': x, ...point })
        expect(outputs).toEqual({
          output0: f32([0.5 + 320 + 8, -1 + 640 - 16]),
          'output1.0': int(32),
          'output1.1': int(8),
        })
        await expectCall(
          session,
          'forward',
          [
            new Map([
              [32, y],
              [8, x],
            ]),
            { x, label: 'p', weight: 0.5 },
          ],
          [f32([328.5, 623]), [32, 8]],
        )
      }))

    test('lists of strings, numbers and bools are tensors of one dimension', () =>
      using('texts', async (session) => {
        expect(session.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
          ['texts', 'string', [null]],
          ['size', 'int64', [null]],
          ['flags', 'bool', [null]],
        ])
        const inputs = {
          texts: tensor('string', ['a', 'four', '', 'größer'], [4]),
          size: tensor('int64', [2, 2]),
          flags: tensor('bool', [true]),
        }
        // TorchScript counts the bytes of UTF-8.
        await expectRun(session, inputs, { output0: tensor('int64', [-1, -4, 0, -8], [2, 2]) })
        await expectCall(session, 'forward', [['a', 'bc'], [2, 1], [false]], tensor('int64', [1, 2], [2, 1]))
        const flat = await rejection(() => session.run({ ...inputs, size: int(4) }), 'INPUT_INVALID')
        expect(flat.message).toMatch(/^size: expected int64\[\?\], got \[\]/)
      }))

    test('numbers, bools and None are left out or given', () =>
      using('defaults', async (session) => {
        expect(names(session.inputs)).toEqual(['x', 'n'])
        const n = int(3)
        await expectRun(session, { x, n }, { output0: f32([6, -12]) })
        await expectRun(session, { x, n, flip: tensor('bool', [true], []) }, { output0: f32([-6, 12]) })
        await expectRun(session, { x, n, bias: y }, { output0: f32([16, 8]) })
        const scale = tensor('float64', [0.5], [])
        await expectRun(session, { bias: y, scale, n, x }, { output0: f32([11.5, 17]) })
        await expectCall(session, 'forward', [x, 3, undefined, undefined, y], f32([16, 8]))
        expect((await rejection(() => session.run({ x, scale }), 'INPUT_INVALID')).message).toMatch(/^n: expected/)
        expect((await rejection(() => session.run({ x, n, bais: y }), 'INPUT_INVALID')).message).toMatch(
          /unknown input "bais"/,
        )
      }))

    test('an optional tensor without a default', () =>
      using('optional-mask', async (session) => {
        expect(names(session.inputs)).toEqual(['x', 'mask'])
        await expectRun(session, { x, mask: y }, { output0: f32([10, -40]), output1: y, output2: x })
        await expectRun(session, { x }, { output0: x, output2: f32([2, -1]) })
        await expectCall(session, 'forward', [x, null], [x, null, f32([2, -1])])
      }))

    test.each(['optional-state', 'needed-state'])('%s: a whole tuple or None', (name) =>
      using(name, async (session) => {
        await expectRun(session, { x }, { output0: x })
        await expectRun(session, { x, 'state.0': y, 'state.1': x }, { output0: y })
        await expectCall(session, 'forward', [x, null], x)
        await expectCall(session, 'forward', [x, [y, x]], y)
        const error = await rejection(() => session.run({ x, 'state.1': x }), 'INPUT_INVALID')
        expect(error.message).toMatch(/^state\.0: expected tensor, got nothing/)
      }),
    )
  })

  describe('what run cannot pass', () => {
    test('is loaded all the same: call takes it, and the methods beside it', () =>
      using('beside', async (session) => {
        const error = await rejection(() => session.run({ x }), 'BACKEND_INCOMPATIBLE')
        expect(error.message).toMatch(
          /^forward takes device: Device, which run\(\) cannot pass; use session\.call\('forward', …\)/,
        )
        expect(() => session.runSync({ x })).toThrow(/use session\.call/)
        await expectCall(session, 'forward', [x, 'cpu'], x)
        await expectCall(session, 'encode', [x], f32([2, -4]))
      }))

    test('a class of Python', () =>
      using('class-argument', async (session) => {
        const error = await rejection(() => session.run({ x }), 'BACKEND_INCOMPATIBLE')
        expect(error.message).toMatch(
          /^forward takes color: Enum<__torch__\.Color>, which has no form in JavaScript; export/,
        )
      }))

    test('a model without forward', () =>
      using('without-forward', async (session) => {
        const error = await rejection(() => session.run({ x }), 'BACKEND_INCOMPATIBLE')
        expect(error.message).toMatch(/has no forward, which run\(\) runs; use session\.call\(method, …\) with encode/)
        await expectCall(session, 'encode', [x], f32([2, -4]))
      }))

    test.each<[string, TensorSpec[], RegExp]>([
      ['beside', [spec('x'), spec('device')], /forward's device is Device, which tensors cannot be/],
      ['without-forward', [spec('x')], /the model has no forward, which the signature describes/],
      [
        'recurrent',
        [spec('x'), spec('h')],
        /forward takes x: Tensor, state: Tuple\[Tensor, Tensor\], the signature lists x, h/,
      ],
      ['recurrent', [spec('x'), spec('h'), spec('c'), spec('d')], /the signature lists x, h, c, d/],
      ['dict-argument', [spec('a'), spec('b')], /whose keys the names of its inputs must say: inputs\.key, got a/],
      ['recurrent', [spec('x'), spec('h'), spec('c', { kind: 'int' })], /"c" is passed as int, forward's state\.1/],
    ])('%s: a signature that does not fit %#', async (name, inputs, message) => {
      const backend = libtorch({ libtorch: root, threads: 1 })
      const source = { artifact: onDisk(`arguments/${name}.pt`), signature: signatureOf(inputs, [spec('y')]) }
      expect((await rejection(() => backend.createSession(source), 'BUNDLE_INVALID')).message).toMatch(message)
    })
  })
}
