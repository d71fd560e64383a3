import { type Signature, type Tensor, type TensorSpec, tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { describeWithPackages } from '../environment.ts'
import { rejection } from '../expect-error.ts'
import { expectSame, goldenOf, inOrder, loadPackage, named } from './package-file.ts'

const floats = (...shape: number[]): Tensor =>
  tensor('float32', new Float32Array(shape.reduce((product, size) => product * size, 1)), shape)
const spec = (name: string, shape: TensorSpec['shape'], dtype: TensorSpec['dtype'] = 'float32'): TensorSpec => ({
  name,
  dtype,
  shape,
})
const signature = (inputs: TensorSpec[], outputs: TensorSpec[], dims: Signature['dims'] = {}): Signature => ({
  dims,
  inputs,
  outputs,
  states: [],
})

describeWithPackages('inputs are checked before compiled code sees them', () => {
  test('a bare file: dtype, rank, sizes, how many', async () => {
    const session = await loadPackage('mlp')
    const [{ name } = { name: '' }] = session.inputs
    const wrong: [Record<string, Tensor>, RegExp][] = [
      [{ [name]: tensor('float64', new Float64Array(10), [1, 10]) }, /expected float32\[1, 10\], got float64\[1, 10\]/],
      [{ [name]: floats(10) }, /it takes 2 dimensions, this has 1/],
      [{ [name]: floats(1, 9) }, /axis 1 must be 10/],
      [{ [name]: floats(2, 10) }, /axis 0 must be 1/],
      [{}, /got nothing/],
      [{ [name]: floats(1, 10), more: floats(1) }, /unknown input "more"/],
      [{ input: floats(1, 10) }, /got nothing; given: input/],
    ]
    for (const [inputs, message] of wrong) {
      expect((await rejection(() => session.run(inputs), 'INPUT_INVALID')).message).toMatch(message)
      expect(() => session.runSync(inputs)).toThrow(message)
    }
    await session.dispose()
  })

  test('a bare file: sizes that belong together, their ranges, their multiples', async () => {
    const joined = await loadPackage('joined')
    expect(joined.inputs.map(({ shape }) => shape)).toEqual([
      ['s77', 's27'],
      ['2*s77', 's27'],
    ])
    const run = (x: Tensor, twice: Tensor) => joined.run(named(joined, [x, twice]))
    expect((await rejection(() => run(floats(2, 4), floats(5, 4)), 'INPUT_INVALID')).message).toMatch(/2\*s77 = 4/)
    expect((await rejection(() => run(floats(2, 4), floats(4, 5)), 'INPUT_INVALID')).message).toMatch(/s27 = 4/)
    expect((await rejection(() => run(floats(9, 4), floats(18, 4)), 'INPUT_INVALID')).message).toMatch(/s77 of 0 to 8/)
    expect(inOrder(await run(floats(0, 4), floats(0, 4)))).toEqual([floats(0, 4)])
    await joined.dispose()

    const even = await loadPackage('even')
    expect((await rejection(() => even.run(named(even, [floats(5, 4)])), 'INPUT_INVALID')).message).toMatch(
      /a multiple of 2, got 5/,
    )
    await even.dispose()
  })

  // In a kernel with several threads the model's own check would end the process.
  test.each(['indices', 'indices-threads'])('%s outside of their table', async (name) => {
    const session = await loadPackage(name, { threads: 2 })
    const { inputs, outputs } = goldenOf(name, 0)
    const wrong: [number, bigint, RegExp][] = [
      [0, 100n, /expected indices from 0 to 99, got 100 at element 7/],
      [0, -1n, /got -1 at element 7/],
      [0, 2n ** 32n, /got 4294967296 at element 7/],
      [2, 50n, /expected indices from -50 to 49, got 50 at element 7/],
      [2, -51n, /got -51/],
      [2, -(2n ** 63n), /got -9223372036854775808/],
    ]
    for (const [input, value, message] of wrong) {
      const data = new BigInt64Array(4096)
      data[7] = value
      const given = named(session, inputs.with(input, tensor('int64', data)))
      expect((await rejection(() => session.run(given), 'INPUT_INVALID')).message).toMatch(message)
      expect(() => session.runSync(given)).toThrow(message)
    }
    expectSame(inOrder(await session.run(named(session, inputs))), outputs)
    await session.dispose()
  })

  test('indices that kernels check many at a time', async () => {
    const session = await loadPackage('indices-vectors', { threads: 2 })
    const { inputs, outputs } = goldenOf('indices-vectors', 0)
    const rows = new BigInt64Array(8192)
    rows[8191] = 50n
    const narrow = new Int32Array(8192)
    narrow[3] = -51
    const wrong: [number, Tensor, RegExp][] = [
      [1, tensor('int64', rows), /expected indices from -?\d+ to 49, got 50 at element 8191/],
      [2, tensor('int32', narrow), /expected indices from -50 to 49, got -51 at element 3/],
    ]
    for (const [input, value, message] of wrong) {
      const given = named(session, inputs.with(input, value))
      expect((await rejection(() => session.run(given), 'INPUT_INVALID')).message).toMatch(message)
    }
    expectSame(inOrder(await session.run(named(session, inputs))), outputs)
    await session.dispose()
  })

  test('a signature names inputs and outputs, and the code is obeyed where it says less', async () => {
    const open = signature([spec('x', ['n', 'm']), spec('twice', [null, null])], [spec('y', null)])
    const session = await loadPackage('joined', {}, open)
    expect(session.inputs).toEqual(open.inputs)
    const outputs = await session.run({ x: floats(1, 3), twice: floats(2, 3) })
    expect(outputs.y).toEqual(tensor('float32', new Float32Array(9).fill(1), [3, 3]))
    await rejection(() => session.run({ x: floats(1, 3), twice: floats(3, 3) }), 'INPUT_INVALID')
    await rejection(() => session.run({ x: floats(9, 3), twice: floats(18, 3) }), 'INPUT_INVALID')
    await session.dispose()
  })

  test.each<[string, Signature, RegExp]>([
    [
      'another dtype',
      signature([spec('x', [1, 10], 'float64')], [spec('y', null)]),
      /"x" is float64\[1, 10\], the code takes/,
    ],
    ['another rank', signature([spec('x', [10])], [spec('y', null)]), /the code takes float32\[1, 10\]/],
    ['another size', signature([spec('x', [1, 11])], [spec('y', null)]), /the code takes float32\[1, 10\]/],
    ['more inputs', signature([spec('x', null), spec('z', null)], [spec('y', null)]), /the code has 1 and 1/],
    ['more outputs', signature([spec('x', null)], [spec('y', null), spec('z', null)]), /the code has 1 and 1/],
    [
      'a number',
      signature([{ name: 'x', dtype: 'int64', shape: [], kind: 'int' }], [spec('y', null)]),
      /is passed as int/,
    ],
  ])('a signature with %s is refused', async (_, wrong, message) => {
    expect((await rejection(() => loadPackage('mlp', {}, wrong), 'BUNDLE_INVALID')).message).toMatch(message)
  })

  test('an output of another dtype than the signature’s', async () => {
    const session = await loadPackage('mlp', {}, signature([spec('x', [1, 10])], [spec('y', null, 'int64')]))
    expect((await rejection(() => session.run({ x: floats(1, 10) }), 'BUNDLE_INVALID')).message).toMatch(
      /"y" is float32 in the model, int64 in the signature/,
    )
    await session.dispose()
  })

  test('methods and attributes are TorchScript’s', async () => {
    const session = await loadPackage('mlp')
    expect([session.methods, session.attributes]).toEqual([[], []])
    await rejection(() => session.call('forward', floats(1, 10)), 'BACKEND_INCOMPATIBLE')
    await rejection(() => session.attribute('weight'), 'BACKEND_INCOMPATIBLE')
    expect(() => session.callSync('forward')).toThrow(/one entry and no attributes/)
    await session.dispose()
    await rejection(() => session.run({}), 'SESSION_DISPOSED')
    expect(() => session.runSync({})).toThrow(/disposed/)
  })

  test('inputs are as they were when run was called, unless borrowed', async () => {
    const session = await loadPackage('large')
    const x = tensor('float32', new Float32Array(1024 * 1024).fill(3), [1024, 1024])
    const running = session.run(named(session, [x]))
    x.data.fill(100)
    expect((inOrder(await running)[0]!.data as Float32Array).every((value) => value === 6)).toBe(true)
    await session.dispose()
    const borrowing = await loadPackage('large', { borrowInputs: true })
    expect(inOrder(await borrowing.run(named(borrowing, [x])))[0]!.data[5]).toBe(200)
    await borrowing.dispose()
  })

  test('large outputs live as long as they are used', async () => {
    const session = await loadPackage('large')
    const x = tensor('float32', new Float32Array(1024 * 1024).fill(3), [1024, 1024])
    const all = await Promise.all(Array.from({ length: 8 }, () => session.run(named(session, [x]))))
    await session.dispose()
    for (const outputs of all)
      expect((inOrder(outputs)[0]!.data as Float32Array).every((value) => value === 6)).toBe(true)
  })

  test('code that was compiled for two threads has them, and the session says so', async () => {
    const session = await loadPackage('threads', { threads: 1, replicas: 2 })
    expect(session.runtime).toMatchObject({
      threads: 2,
      replicas: 2,
      format: 'aot-inductor',
      device: 'cpu',
      frozen: false,
    })
    const { inputs, outputs } = goldenOf('threads', 0)
    const all = await Promise.all(Array.from({ length: 8 }, () => session.run(named(session, inputs))))
    for (const result of all) expectSame(inOrder(result), outputs)
    expectSame(inOrder(session.runSync(named(session, inputs))), outputs)
    await session.dispose()
  })
})
