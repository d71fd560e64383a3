import { onnxNode } from '@tensorferry/backend-onnx-node'
import { remote } from '@tensorferry/backend-remote'
import { loadModel, makeTensor, type Tensor } from '@tensorferry/core'
import { type Server, serve } from '@tensorferry/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeFixtures } from './servers/fixture-files.ts'

const ROWS = 20_000

let server: Server
let fixtures: Awaited<ReturnType<typeof writeFixtures>>
beforeAll(async () => {
  fixtures = await writeFixtures()
  const models = fixtures.files.map(({ fixture, model }) => ({ name: fixture.name, source: model }))
  server = await serve({ backend: onnxNode({ threads: 1 }), port: 0, grpcPort: 0, models })
})
afterAll(async () => {
  await server?.close()
  await fixtures?.remove()
})

/** The same sequence every time; Knuth's multiplier. */
function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  let state = 1n
  return Uint8Array.from({ length }, () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn
    return Number(state >> 56n)
  })
}

/** Any bits: subnormals, NaN, infinities, both zeros, and integers beyond 2^53. */
const tensors: Readonly<Record<string, Tensor>> = {
  float32: makeTensor('float32', new Float32Array(randomBytes(ROWS * 12).buffer), [ROWS, 3]),
  float64: makeTensor('float64', new Float64Array(randomBytes(ROWS * 24).buffer), [ROWS, 3]),
  float16: makeTensor('float16', new Uint16Array(randomBytes(ROWS * 6).buffer), [ROWS, 3]),
  int64: makeTensor('int64', new BigInt64Array(randomBytes(ROWS * 24).buffer), [ROWS, 3]),
}

/** The last axis turned round. */
function reversed(value: Tensor): ArrayLike<unknown> {
  const data = (value.data as Float32Array<ArrayBuffer>).slice()
  for (let row = 0; row < data.length; row += 3) {
    const first = data[row]!
    data[row] = data[row + 2]!
    data[row + 2] = first
  }
  return data
}

const isHalfNaN = (bits: number): boolean => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0

/** NaN is NaN: JSON has no place for its payload. */
function isSame(dtype: string, one: unknown, other: unknown): boolean {
  if (dtype === 'float16') return one === other || (isHalfNaN(one as number) && isHalfNaN(other as number))
  return Object.is(one, other)
}

describe.each(['rest-json', 'rest-binary', 'grpc'] as const)('%s', (protocol) => {
  test.each(Object.keys(tensors))('%s comes through exactly, whatever its bits', async (name) => {
    const url = protocol === 'grpc' ? server.grpcUrl! : server.url
    await using model = await loadModel({ backend: remote({ url, model: name, protocol }) })
    const outputs = await model.run({ input: tensors[name]! })
    const received = outputs.reversed!
    const expected = reversed(tensors[name]!)
    expect(received.dtype).toBe(name)
    expect(received.shape).toEqual([ROWS, 3])
    const wrong = Array.from(received.data as ArrayLike<unknown>).findIndex(
      (value, index) => !isSame(name, value, expected[index]),
    )
    expect(wrong).toBe(-1)
  })
})
