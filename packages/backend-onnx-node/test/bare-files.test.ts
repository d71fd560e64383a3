import { runInNewContext } from 'node:vm'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { loadModel } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { testBareFiles } from './bare-file-cases.ts'
import { fixturePath } from './model-file.ts'

describe('in workers', () => testBareFiles(onnxNode({ threads: 1 })))
describe('inline', () => testBareFiles(onnxNode({ execution: 'inline' })))

test('a locale that the machine lacks is named, with what to do', async () => {
  await expect(loadModel(fixturePath('locale.onnx'), { backend: onnxNode({ threads: 1 }) })).rejects.toMatchObject({
    code: 'DEPENDENCY_MISSING',
    message: expect.stringMatching(/locale xx_NOWHERE, which this machine lacks.*'locale': 'C'/),
    details: { locale: 'xx_NOWHERE' },
  })
})

test.each(['worker', 'inline'] as const)('inputs of every dtype from another realm, %s', async (execution) => {
  const arrays = { float64: 'Float64Array', int64: 'BigInt64Array', int8: 'Int8Array', float16: 'Uint16Array' } as const
  for (const [dtype, name] of Object.entries(arrays)) {
    await using model = await loadModel(fixturePath(`identity-${dtype}.onnx`), {
      backend: onnxNode({ execution, threads: 1 }),
    })
    const data = runInNewContext(`new ${name}(${dtype === 'int64' ? '[1n, 2n]' : '[1, 2]'})`)
    const x = { dtype: dtype as 'float64', shape: [1, 2], data }
    const { y } = await model.run({ x })
    expect([...(y!.data as Float64Array)]).toEqual([...data])
  }
})
