import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type TensorferryError, type Tensors, tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { sweep } from '../../../../tests/sweep.ts'
import type { ServedModel } from '../../src/models/served-model.ts'
import { bundlePath, loadModels } from '../load-models.ts'
import { random } from '../random.ts'

const REQUESTS = sweep(1200, 200)

const SIZES = [
  [4, 4],
  [4, 6],
  [7, 5],
  [12, 8],
] as const

/** Rows of luma, each of its own brightness and slope: no two rows have the same answer. */
function picture(rows: number, height: number, width: number, next: () => number): Tensors {
  const data = new Float32Array(rows * height * width)
  for (let row = 0; row < rows; row++) {
    const [base, slope] = [next(), next() / (height * width)]
    for (let i = 0; i < height * width; i++) data[row * height * width + i] = base + slope * i
  }
  return { input: tensor('float32', data, [rows, 1, height, width]) }
}

function largestDifference(got: Tensors, expected: Tensors): number {
  expect(got.output!.shape).toEqual(expected.output!.shape)
  const [left, right] = [got.output!.data as Float32Array, expected.output!.data as Float32Array]
  return left.reduce((worst, value, i) => Math.max(worst, Math.abs(value - right[i]!)), 0)
}

interface Asked {
  readonly kind: 'good' | 'bad' | 'aborted'
  readonly inputs: Tensors
  readonly rows: number
}

function ask(next: () => number): Asked {
  const rows = 1 + Math.floor(next() * 4)
  const [height, width] = SIZES[Math.floor(next() * SIZES.length)]!
  const inputs = picture(rows, height, width, next)
  const dice = next()
  // Right shape for the checks, wrong for the model: channels are 1.
  if (dice < 0.1)
    return {
      kind: 'bad',
      rows,
      inputs: { input: tensor('float32', inputs.input!.data as Float32Array, [rows, height, 1, width]) },
    }
  return { kind: dice < 0.25 ? 'aborted' : 'good', rows, inputs }
}

async function send(model: ServedModel, { kind, inputs }: Asked, next: () => number): Promise<Tensors | string> {
  const leaving = new AbortController()
  // Some turns of the loop later it may wait, run, or be done.
  const turns = Math.floor(next() * 20)
  const leave = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    leaving.abort()
  }
  if (kind === 'aborted') void leave()
  try {
    return await model.infer(inputs, { signal: leaving.signal })
  } catch (error) {
    return (error as TensorferryError).code
  }
}

test.each([
  ['one replica', { backend: onnxNode({ threads: 1 }) }, 11],
  ['two replicas', { backend: onnxNode({ threads: 1, replicas: 2 }) }, 12],
  ['a delay and few rows', { batching: { maxDelayMs: 2, maxRows: 5 } }, 13],
  ['a queue that is too short', { queue: { maxRequests: 6 } }, 14],
])('hundreds of random requests, %s: every reply has its own rows', { timeout: 300_000 }, async (_, options, seed) => {
  const next = random(seed)
  const source = bundlePath('super-resolution-x3')
  const { repository } = await loadModels({
    models: [
      { name: 'x3', source, ...options },
      { name: 'alone', source, batching: false },
    ],
  })
  const model = repository.get('x3')
  const alone = repository.get('alone')
  const asked = Array.from({ length: REQUESTS }, () => ask(next))
  const expected = await Promise.all(asked.map(({ kind, inputs }) => (kind === 'good' ? alone.infer(inputs) : null)))

  const replies: (Tensors | string)[] = new Array(asked.length)
  let at = 0
  const client = async (): Promise<void> => {
    while (at < asked.length) {
      const index = at++
      replies[index] = await send(model, asked[index]!, next)
    }
  }
  await Promise.all(Array.from({ length: 24 }, client))

  let worst = 0
  for (const [index, { kind }] of asked.entries()) {
    const reply = replies[index]!
    // Refused when it came: with one that was, no more can be wrong.
    if (reply === 'OVERLOADED') expect(options).toHaveProperty('queue')
    else if (kind === 'bad') expect(reply).toBe('INPUT_INVALID')
    else if (kind === 'aborted' && typeof reply === 'string') expect(reply).toBe('ABORTED')
    else if (kind === 'good') worst = Math.max(worst, largestDifference(reply as Tensors, expected[index]!))
  }
  // Rows differ by tenths; kernels for another number of rows, in the last bits.
  expect(worst).toBeLessThan(1e-5)

  expect(replies.includes('OVERLOADED')).toBe('queue' in options)

  const statistics = model.statistics()
  const answered = replies.filter((reply) => typeof reply !== 'string')
  expect(statistics.success.count).toBe(answered.length)
  expect(statistics.fail.count).toBe(asked.length - answered.length)
  expect(statistics.inferenceCount).toBe(
    asked.reduce((rows, one, index) => rows + (typeof replies[index] === 'string' ? 0 : one.rows), 0),
  )
  expect(statistics.executionCount).toBeLessThan(answered.length)
  expect(statistics.batches.reduce((runs, { computeInfer }) => runs + computeInfer.count, 0)).toBe(
    statistics.executionCount,
  )
})
