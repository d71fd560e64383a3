import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type DType, type Tensor, tensor } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { model } from './model-file.ts'

const VALUES: Partial<Record<DType, Tensor>> = {
  float64: tensor('float64', [Math.PI, -0, Number.POSITIVE_INFINITY, 5e-324], [2, 2]),
  float32: tensor('float32', [1.5, -2, 1e-40, 3e38], [2, 2]),
  float16: tensor('float16', new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7bff]), [2, 2]),
  int64: tensor('int64', [-(2n ** 63n), 2n ** 63n - 1n, 0n, 7n], [2, 2]),
  int32: tensor('int32', [-(2 ** 31), 2 ** 31 - 1, 0, 7], [2, 2]),
  int16: tensor('int16', [-32768, 32767, 0, 7], [2, 2]),
  int8: tensor('int8', [-128, 127, 0, 7], [2, 2]),
  uint8: tensor('uint8', [0, 255, 1, 7], [2, 2]),
  bool: tensor('bool', [true, false, true, true], [2, 2]),
  string: tensor('string', ['', 'Grüße', '日本語', '🙂'], [2, 2]),
}

describe.each(['worker', 'inline'] as const)('%s', (execution) => {
  const backend = onnxNode({ execution, threads: 1 })

  test.each(Object.entries(VALUES))('%s goes in and comes out unchanged', async (dtype, value) => {
    const session = await backend.createSession(model(`identity-${dtype}`))
    expect(session.inputs).toEqual([{ name: 'x', dtype, shape: ['n', 2] }])
    const { y } = await session.run({ x: value })
    expect(y).toEqual(value)
    await session.dispose()
  })

  test.each(Object.keys(VALUES) as DType[])('%s with no rows', async (dtype) => {
    const session = await backend.createSession(model(`identity-${dtype}`))
    const { y } = await session.run({ x: tensor(dtype, [], [0, 2]) })
    expect(y).toEqual(tensor(dtype, [], [0, 2]))
    await session.dispose()
  })

  test.each([
    ['a NUL', 'a\0b', /NUL/],
    ['half of a surrogate pair', 'a\ud800', /surrogate/],
  ])('a string with %s is refused: ONNX Runtime would change it', async (_, text, message) => {
    const session = await backend.createSession(model('identity-string'))
    const x = tensor('string', ['fine', text], [1, 2])
    await expect(session.run({ x })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(message),
      details: { input: 'x', index: 1 },
    })
    await session.dispose()
  })

  test.each([
    ['int4-output', 'output "y" is int4'],
    ['int4-input', 'input "x" is int4'],
    ['sequence-output', 'output "y" is a sequence, map or optional'],
    ['optional-input', 'input "x" is a sequence, map or optional'],
    ['identity-bfloat16', 'input "x" is bfloat16'],
    ['identity-uint16', 'input "x" is uint16'],
  ])('%s is refused at load', async (name, message) => {
    await expect(backend.createSession(model(name))).rejects.toMatchObject({
      code: 'BACKEND_INCOMPATIBLE',
      message: expect.stringContaining(message),
    })
  })

  test('an int4 output that the signature leaves out is no obstacle', async () => {
    const signature = {
      dims: {},
      inputs: [{ name: 'x', dtype: 'float32' as const, shape: [null, 2] }],
      outputs: [{ name: 'z', dtype: 'float32' as const, shape: [null, 2] }],
      states: [],
    }
    const session = await backend.createSession({ ...model('int4-output'), signature })
    const x = tensor('float32', [1, 2], [1, 2])
    expect(await session.run({ x })).toEqual({ z: x })
    await session.dispose()
  })
})
