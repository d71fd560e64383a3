import { expect, test } from 'vitest'
import type { Backend } from '../src/backend.ts'
import { replayGoldens } from '../src/replay.ts'
import { cloneTensor } from '../src/tensor.ts'
import { referenceBackend } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { makeBundle } from './make-bundle.ts'

const backend = referenceBackend()

/** Adds to one element of the first case alone. */
const wrongOnce: Backend = {
  ...backend,
  async createSession(source, options) {
    const session = await backend.createSession(source, options)
    let runs = 0
    return {
      ...session,
      async run(inputs, runOptions) {
        const outputs = await session.run(inputs, runOptions)
        if (runs++ > 0) return outputs
        const sum = cloneTensor(outputs.sum!)
        ;(sum.data as Float32Array)[3]! += 1
        return { ...outputs, sum }
      },
    }
  },
}

test('goes on after a difference and keeps both tensors', async () => {
  const { cases } = await replayGoldens(await makeBundle(), { backend: wrongOnce })
  expect(cases.length).toBeGreaterThan(1)
  const [first, ...others] = cases
  const wrong = first!.compared.find(({ passed }) => !passed)!
  expect(wrong).toMatchObject({ stage: 'outputs', tensor: 'output sum' })
  expect(wrong.difference).toMatchObject({ at: 3, outside: 1 })
  expect(Number(wrong.got!.data[3]) - Number(wrong.expected.data[3])).toBeCloseTo(1, 5)
  for (const one of others) expect(one.compared.map(({ passed }) => passed)).not.toContain(false)
})

test('a step that fails ends its case alone', async () => {
  const bundle = await makeBundle('general', (manifest) => {
    manifest.dims.batch = { min: 1, max: 2 }
  })
  const { cases } = await replayGoldens(bundle, { backend })
  expect(cases.map(({ error }) => error?.code ?? null)).toEqual(expect.arrayContaining(['INPUT_INVALID', null]))
})

test('without goldens there is nothing to replay', async () => {
  const bundle = await makeBundle('general', (manifest) => {
    manifest.goldens = null
  })
  await expectError('NOT_FOUND', /has no goldens to replay/, () => replayGoldens(bundle, { backend }))
})
