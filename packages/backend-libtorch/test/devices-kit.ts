import { type LibtorchOptions, type LibtorchSession, libtorch } from '@tensorferry/backend-libtorch'
import { tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { rejection } from './expect-error.ts'
import { inMemory, onDisk } from './model-file.ts'

/** Declares what becomes of a device that a model's code names, for one libtorch that sees no GPU. */
export function devicesInCode(root: string): void {
  const create = (name: string, options: LibtorchOptions = {}): Promise<LibtorchSession> =>
    libtorch({ libtorch: root, threads: 1, ...options }).createSession({ artifact: onDisk(`devices/${name}.pt`) })
  const row = tensor('float32', [0, 10, 20, 30], [1, 4])
  const pair = tensor('float32', [1, -2])

  test('a trace made on a GPU: the error names the line, the report warns', async () => {
    const session = await create('cuda-trace')
    expect(session.runtime.warnings).toEqual([
      "the model's code asks for cuda:0 (code/__torch__.py, line 9), this session is on cpu; mapDevices: true reads it as cpu",
    ])
    const message =
      /^the model's code asks for the device cuda:0 \(code\/__torch__\.py, line 9: .*torch\.arange\(.*device=torch\.device\("cuda:0"\).*\), this session is on cpu; pass mapDevices: true to read it as cpu, or export the model on cpu$/
    const error = await rejection(() => session.run({ x: row }), 'BACKEND_INCOMPATIBLE')
    expect(error.message).toMatch(message)
    expect(error.details).toMatchObject({
      device: 'cpu',
      devices: [{ device: 'cuda:0', file: 'code/__torch__.py', line: 9 }],
    })
    expect(() => session.runSync({ x: row })).toThrow(message)
    await session.dispose()
  })

  test.each([{ freeze: true }, { optimizeForInference: true }])(
    '%o meets it while it loads or runs',
    async (options) => {
      const load = async (): Promise<unknown> => (await create('cuda-trace', options)).run({ x: row })
      expect((await rejection(load, 'BACKEND_INCOMPATIBLE')).message).toMatch(/code\/__torch__\.py, line 9: /)
    },
  )

  test('mapDevices reads it as the device of the session, from disk and from memory', async () => {
    const expected = { output0: tensor('float32', [0, 11, 22, 33], [1, 4]) }
    const session = await create('cuda-trace', { mapDevices: true })
    expect(session.runtime.warnings).toEqual([])
    expect(await session.run({ x: row })).toEqual(expected)
    const source = { artifact: inMemory('devices/cuda-trace.pt') }
    const fromMemory = await libtorch({ libtorch: root, threads: 1, mapDevices: true, freeze: true }).createSession(
      source,
    )
    expect(await fromMemory.run({ x: row })).toEqual(expected)
    await Promise.all([session.dispose(), fromMemory.dispose()])
  })

  test('every way to name one in code', async () => {
    const session = await create('cuda-code', { mapDevices: true })
    expect(await session.run({ x: pair })).toEqual({ output0: tensor('float32', [2, -1]) })
    await session.dispose()
    const unmapped = await create('cuda-code')
    expect((await rejection(() => unmapped.run({ x: pair }), 'BACKEND_INCOMPATIBLE')).message).toMatch(
      /asks for the device cuda \(code\/__torch__\.py, line \d+: .*\) and 3 more, this session is on cpu/,
    )
    await unmapped.dispose()
  })

  test('attributes that are devices are mapped, strings stay', async () => {
    const session = await create('cuda-attributes', { mapDevices: true })
    expect(await session.run({ x: pair })).toEqual({
      output0: tensor('float32', [4, 1]),
      output1: tensor('string', ['cuda:0'], []),
      output2: tensor('string', ['cuda:1'], []),
    })
    expect(await session.attribute('first')).toBe('cpu')
    await session.dispose()
  })

  test('a model that names none is what it was', async () => {
    const artifact = onDisk('mlp-10-10.pt')
    const input = tensor('float32', new Float32Array(10).fill(0.5), [1, 10])
    const [plain, mapped] = await Promise.all(
      [false, true].map((mapDevices) => libtorch({ libtorch: root, mapDevices }).createSession({ artifact })),
    )
    expect(await mapped!.run({ input })).toEqual(await plain!.run({ input }))
    await Promise.all([plain!.dispose(), mapped!.dispose()])
  })

  test('a file saved after optimize_for_inference', async () => {
    const error = await rejection(() => create('optimized'), 'FORMAT_UNSUPPORTED')
    expect(error.message).toBe(
      'devices/optimized.pt was saved after torch.jit.optimize_for_inference, which does not save the weights it converted; save the model without it, and pass optimizeForInference: true here',
    )
  })
}
