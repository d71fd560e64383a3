import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TensorferryError, type Tensors, tensor, zeros } from '@tensorferry/core'
import { expect, onTestFinished, test } from 'vitest'
import { bundlePath, loadModels } from '../load-models.ts'

const DIGITS = bundlePath('digits')
const image = (rows = 1): Tensors => ({ image: zeros('float32', [rows, 1, 8, 8]) })
const scores = (outputs: Tensors): readonly number[] => [...(outputs.logits!.data as Float32Array)]

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-models-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** A copy of digits that calls itself another version. */
async function copyDigits(folder: string, version = '1.0.0', name = 'digits'): Promise<string> {
  await cp(DIGITS, folder, { recursive: true })
  await rewrite(folder, { version, name })
  return folder
}

async function rewrite(folder: string, change: Record<string, unknown>): Promise<void> {
  const path = join(folder, 'bundle.json')
  const manifest = JSON.parse(await readFile(path, 'utf8')) as object
  // In one step: a manifest that is empty for a moment is a failure of its own.
  await writeFile(`${path}.part`, JSON.stringify({ ...manifest, ...change }))
  await rename(`${path}.part`, path)
}

const codeOf = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    return (error as TensorferryError).code
  }
  return null
}

test('a bundle serves under its own name and version, verified', async () => {
  const { repository, events } = await loadModels({ models: [DIGITS] })
  expect(repository.index()).toEqual([{ name: 'digits', version: '1.0.0', state: 'READY', reason: '' }])
  const model = repository.get('digits')
  expect(model.report.verify.cases).toHaveLength(1)
  expect(model.labels).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
  expect(model.signature.dims).toEqual({ batch: { min: 1, max: 1024, batch: true } })
  expect(events.filter(({ type }) => type === 'loaded')).toMatchObject([
    { model: 'digits', unbatched: null, replaced: false },
  ])
  const [reply, direct] = await Promise.all([model.infer(image(2)), model.infer(image(1))])
  expect(reply.logits!.shape).toEqual([2, 10])
  expect(scores(reply).slice(0, 10)).toEqual(scores(direct))
})

test('a file serves under its name, and another one where NAME= says so', async () => {
  const { repository } = await loadModels({
    models: [join(DIGITS, 'model.onnx'), `other=${join(DIGITS, 'model.onnx')}`],
  })
  expect(repository.index().map(({ name, version }) => `${name} ${version}`)).toEqual(['model 1', 'other 1'])
  const model = repository.get('other', '1')
  expect(model.manifest).toBeNull()
  expect((await model.infer(image())).logits!.shape).toEqual([1, 10])
})

test('a folder of versions, as Triton has them: the newest answers, each can be asked for', async () => {
  const folder = await temporaryFolder()
  await copyDigits(join(folder, 'numbers', '2'))
  await copyDigits(join(folder, 'numbers', '10'))
  await mkdir(join(folder, 'numbers', '9'))
  await cp(join(DIGITS, 'model.onnx'), join(folder, 'numbers', '9', 'model.onnx'))
  const { repository } = await loadModels({ models: [join(folder, 'numbers')] })
  expect(repository.versions('numbers')).toEqual(['10', '9', '2'])
  expect(repository.get('numbers').version).toBe('10')
  expect(repository.get('numbers', '9').manifest).toBeNull()
  expect(codeOf(() => repository.get('numbers', '3'))).toBe('NOT_FOUND')
  // The folder above serves all models in it; what is hidden or leads nowhere is passed over.
  await mkdir(join(folder, '.hidden'))
  await symlink(join(folder, 'nothing'), join(folder, 'nowhere'))
  const all = await loadModels({ models: [folder] })
  expect(all.repository.index().map(({ name }) => name)).toEqual(['numbers', 'numbers', 'numbers'])
})

test('unknown models are named with what there is', async () => {
  const { repository } = await loadModels({ models: [DIGITS] })
  expect(codeOf(() => repository.get('digit'))).toBe('NOT_FOUND')
  expect(() => repository.get('digit')).toThrow("unknown model 'digit', did you mean 'digits'?")
  expect(repository.isReady('digit')).toBe(false)
  expect(repository.isReady('digits', '7')).toBe(false)
  expect(repository.versions('digit')).toEqual([])
  await expect(repository.load('digit')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('two models of one name and version are refused', async () => {
  await expect(loadModels({ models: [DIGITS, DIGITS] })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})

test('a model that fails makes loading fail, with its own error', async () => {
  const folder = await copyDigits(join(await temporaryFolder(), 'digits'))
  await writeFile(join(folder, 'model.onnx'), 'changed')
  await expect(loadModels({ models: [folder] })).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
  await expect(loadModels({ models: [join(folder, 'nothing')] })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('unload answers what is in progress and refuses the rest; load brings it back', async () => {
  const { repository } = await loadModels({ models: [DIGITS] })
  const model = repository.get('digits')
  const inProgress = Array.from({ length: 20 }, () => model.infer(image()))
  const unloading = repository.unload('digits')
  await new Promise((resolve) => setImmediate(resolve))
  expect(codeOf(() => repository.get('digits'))).toBe('BACKEND_UNAVAILABLE')
  expect(repository.isReady('digits')).toBe(false)
  // Unloaded by request: the server as a whole is still ready.
  expect(repository.isAllReady).toBe(true)
  await expect(model.infer(image())).rejects.toMatchObject({ code: 'SESSION_DISPOSED' })
  expect((await Promise.all(inProgress)).map(({ logits }) => logits!.shape)).toEqual(new Array(20).fill([1, 10]))
  await unloading
  expect(repository.index()).toEqual([{ name: 'digits', version: '1.0.0', state: 'UNAVAILABLE', reason: 'unloaded' }])
  await repository.load('digits')
  expect((await repository.get('digits').infer(image())).logits!.shape).toEqual([1, 10])
})

test('load replaces a model under load without a failed request', async () => {
  const folder = await copyDigits(join(await temporaryFolder(), 'digits'))
  const { repository, metrics } = await loadModels({ models: [folder] })
  const expected = scores(await repository.get('digits').infer(image()))
  let isOver = false
  const versions = new Set<string>()
  let answered = 0
  const client = async (): Promise<void> => {
    while (!isOver) {
      const model = repository.get('digits')
      versions.add(model.version)
      // Held over a turn of the loop, as a handler does while it reads a body.
      await new Promise((resolve) => setImmediate(resolve))
      expect(scores(await model.infer(image()))).toEqual(expected)
      answered++
    }
  }
  const clients = Promise.all(Array.from({ length: 8 }, client))
  for (const version of ['1.1.0', '1.2.0', '1.10.0']) {
    await rewrite(folder, { version })
    await repository.load('digits')
  }
  isOver = true
  await clients
  expect([...versions]).toEqual(['1.0.0', '1.1.0', '1.2.0', '1.10.0'])
  expect(answered).toBeGreaterThan(8)
  expect(await metrics.registry.getSingleMetricAsString('tensorferry_reloads_total')).toContain(
    'tensorferry_reloads_total{model="digits",result="loaded"} 3',
  )
})

test('a model that was replaced while someone held it answers through the new one', async () => {
  const { repository } = await loadModels({ models: [DIGITS] })
  const held = repository.get('digits')
  await repository.load('digits')
  expect(repository.get('digits')).not.toBe(held)
  expect((await held.infer(image())).logits!.shape).toEqual([1, 10])
  expect(repository.get('digits').statistics().success.count).toBe(1)
})

test('a changed bundle is seen and replaces the old one; a broken one does not, and says so', async () => {
  const folder = await copyDigits(join(await temporaryFolder(), 'digits'))
  const { repository, metrics, events } = await loadModels({ models: [folder], watch: { intervalMs: 10 } })
  await rewrite(folder, { version: '1.1.0' })
  await expect.poll(() => repository.get('digits').version).toBe('1.1.0')

  const whole = await readFile(join(folder, 'model.onnx'))
  // In one step: a file that is empty for a moment would be a second failure.
  await writeFile(`${folder}.half`, 'half a model')
  await rename(`${folder}.half`, join(folder, 'model.onnx'))
  await expect.poll(() => repository.index()[0]!.reason).toContain('INTEGRITY_FAILED')
  expect(repository.index()[0]).toMatchObject({ version: '1.1.0', state: 'READY' })
  expect(repository.isAllReady).toBe(true)
  expect((await repository.get('digits').infer(image())).logits!.shape).toEqual([1, 10])
  expect(events.at(-1)).toMatchObject({ type: 'failed', kept: true, error: { code: 'INTEGRITY_FAILED' } })
  expect(await metrics.registry.getSingleMetricAsString('tensorferry_reloads_total')).toContain('result="failed"} 1')

  // Written to its end, it is tried again.
  await writeFile(join(folder, 'model.onnx'), whole)
  await expect.poll(() => repository.index()[0]!.reason).toBe('')
})

test('a bundle whose numbers are wrong does not replace one whose numbers are right', async () => {
  const folder = await copyDigits(join(await temporaryFolder(), 'digits'))
  const { repository } = await loadModels({ models: [folder] })
  const manifest = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8')) as { goldens: object }
  await rewrite(folder, { goldens: { ...manifest.goldens, tolerance: { float32: { atol: 0, rtol: 0 } } } })
  const before = repository.get('digits')
  await expect(repository.load('digits')).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' })
  expect(repository.get('digits')).toBe(before)
})

test('versions come and go with their folders', async () => {
  const folder = await temporaryFolder()
  await copyDigits(join(folder, '1'))
  const { repository } = await loadModels({ models: [`digits=${folder}`], watch: { intervalMs: 10 } })
  await copyDigits(join(folder, 'coming'))
  await cp(join(folder, 'coming'), join(folder, '2'), { recursive: true })
  await expect.poll(() => repository.isReady('digits', '2')).toBe(true)
  expect(repository.get('digits').version).toBe('2')
  await rm(join(folder, '2'), { recursive: true })
  await expect.poll(() => repository.versions('digits')).toEqual(['1'])
  expect(repository.get('digits').version).toBe('1')
})

test('a bundle that gives itself another name is refused: its clients would lose it', async () => {
  const folder = await copyDigits(join(await temporaryFolder(), 'digits'))
  const { repository } = await loadModels({ models: [folder] })
  await rewrite(folder, { name: 'figures' })
  await expect(repository.load('digits')).rejects.toMatchObject({ code: 'BUNDLE_INVALID' })
  expect(repository.get('digits').name).toBe('digits')
})

test('statistics are what was sent', async () => {
  const { repository, metrics } = await loadModels({ models: [{ source: DIGITS, batching: false }] })
  const model = repository.get('digits')
  for (const rows of [1, 3, 3]) await model.infer(image(rows))
  await expect(model.infer({})).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  await expect(model.infer(image(), { outputs: ['logit'] })).rejects.toThrow("did you mean 'logits'?")
  await expect(model.predict(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  const statistics = model.statistics()
  expect(statistics).toMatchObject({
    inferenceCount: 7,
    executionCount: 3,
    success: { count: 3 },
    fail: { count: 3 },
    queue: { count: 3 },
    computeInput: { count: 3 },
    computeInfer: { count: 3 },
    computeOutput: { count: 3 },
  })
  expect(statistics.batches.map(({ batchSize, computeInfer }) => [batchSize, computeInfer.count])).toEqual([
    [1, 1],
    [3, 2],
  ])
  const { success, queue, computeInput, computeInfer, computeOutput } = statistics
  expect(queue.ns + computeInput.ns + computeInfer.ns + computeOutput.ns).toBeLessThanOrEqual(success.ns)
  const text = await metrics.registry.metrics()
  for (const line of [
    'nv_inference_request_success{model="digits",version="1.0.0"} 3',
    'nv_inference_request_failure{model="digits",version="1.0.0"} 3',
    'nv_inference_count{model="digits",version="1.0.0"} 7',
    'nv_inference_exec_count{model="digits",version="1.0.0"} 3',
    'tensorferry_batch_rows_sum{model="digits",version="1.0.0"} 7',
    'tensorferry_queue_requests{model="digits",version="1.0.0"} 0',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
})

test('pictures go through the pipeline, and what is wrong with them is the client’s', async () => {
  const { repository } = await loadModels({ models: [DIGITS] })
  const model = repository.get('digits')
  const labels = (await model.predict(await readFile(join(DIGITS, 'held-out.png')))) as readonly { label: string }[]
  expect(labels[0]!.label).toMatch(/^\d$/)
  await expect(model.predict(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: 'INPUT_INVALID' })
})

test('only the outputs that are asked for', async () => {
  const { repository } = await loadModels({ models: [DIGITS] })
  const { logits, ...others } = await repository.get('digits').infer(image(), { outputs: ['logits'] })
  expect(logits!.shape).toEqual([1, 10])
  expect(others).toEqual({})
  expect(await repository.get('digits').infer(image(), { outputs: [] })).toEqual({})
})

test('a time of the server’s own limits every request', async () => {
  const { repository } = await loadModels({
    models: [{ source: bundlePath('super-resolution-x3'), requestTimeoutMs: 1 }],
  })
  const large = { input: tensor('float32', new Float32Array(1000 * 1000), [1, 1, 1000, 1000]) }
  await expect(repository.get('super-resolution-x3').infer(large)).rejects.toMatchObject({ code: 'TIMED_OUT' })
})
