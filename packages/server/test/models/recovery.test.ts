import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type Backend, TensorferryError, type Tensors, zeros } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { bundlePath, loadModels } from '../load-models.ts'

/** onnx-node whose sessions can be made to fail from the first run on that is not the verification's, as one whose worker has died. */
function breakable() {
  const real = onnxNode({ threads: 1 })
  const broken = new Set<number>()
  let sessions = 0
  let refusesMore = false
  const backend: Backend = {
    ...real,
    async createSession(...given) {
      if (refusesMore) throw new TensorferryError('OUT_OF_MEMORY', 'no room for another session')
      const session = await real.createSession(...given)
      const own = sessions++
      return Object.assign(Object.create(session) as typeof session, {
        inputs: session.inputs,
        outputs: session.outputs,
        runtime: session.runtime,
        dispose: () => session.dispose(),
        run: (inputs: Tensors) =>
          broken.has(own)
            ? Promise.reject(new TensorferryError('RUNTIME_FAILED', 'the worker thread has ended'))
            : session.run(inputs),
      })
    },
  }
  return {
    backend,
    breakSession: (session: number) => void broken.add(session),
    refuseMore: (yes: boolean) => {
      refusesMore = yes
    },
  }
}

const image = { image: zeros('float32', [1, 1, 8, 8]) }

test('a model whose runs all fail is loaded anew', async () => {
  const { backend, breakSession } = breakable()
  const { repository } = await loadModels({ models: [bundlePath('digits')], backend })
  const before = repository.get('digits')
  breakSession(0)
  for (let run = 0; run < 5; run++) {
    await expect(repository.get('digits').infer(image)).rejects.toMatchObject({ code: 'RUNTIME_FAILED' })
  }
  await expect.poll(() => repository.get('digits')).not.toBe(before)
  expect((await repository.get('digits').infer(image)).logits!.shape).toEqual([1, 10])
})

test('one that cannot be loaded anew is not called ready; a load by hand brings it back', async () => {
  const { backend, breakSession, refuseMore } = breakable()
  const { repository } = await loadModels({ models: [bundlePath('digits')], backend })
  breakSession(0)
  refuseMore(true)
  for (let run = 0; run < 5; run++)
    await repository
      .get('digits')
      .infer(image)
      .catch(() => undefined)
  await expect.poll(() => repository.isAllReady).toBe(false)
  await expect
    .poll(() => repository.index()[0])
    .toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('no room for another session'),
    })
  refuseMore(false)
  await repository.load('digits')
  expect(repository.isAllReady).toBe(true)
  expect((await repository.get('digits').infer(image)).logits!.shape).toEqual([1, 10])
})

test('bad runs between good ones are the requests’ fault', async () => {
  const { backend, breakSession } = breakable()
  const { repository, events } = await loadModels({ models: [bundlePath('digits')], backend })
  const model = repository.get('digits')
  for (let run = 0; run < 20; run++) await expect(model.infer({})).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  breakSession(0)
  for (let run = 0; run < 4; run++) await expect(model.infer(image)).rejects.toMatchObject({ code: 'RUNTIME_FAILED' })
  expect(repository.get('digits')).toBe(model)
  expect(events.filter(({ type }) => type === 'loading')).toHaveLength(1)
})
