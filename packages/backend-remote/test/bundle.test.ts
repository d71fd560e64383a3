import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { remote } from '@tensorferry/backend-remote'
import { type Backend, bundle, loadModel } from '@tensorferry/core'
import { serve } from '@tensorferry/server'
import { expect, test } from 'vitest'

const digits = fileURLToPath(new URL('../../../examples/bundles/digits', import.meta.url))
const typed = bundle<{ task: 'image-classification' }>(digits)

test.each(['rest-json', 'rest-binary', 'grpc'] as const)(
  'a bundle in front of its own server, %s',
  async (protocol) => {
    await using server = await serve({ models: [digits], backend: onnxNode({ threads: 1 }), port: 0, grpcPort: 0 })
    const url = protocol === 'grpc' ? server.grpcUrl! : server.url
    await using here = await loadModel(typed, { backend: onnxNode({ threads: 1 }) })
    await using there = await loadModel(typed, { backend: remote({ url, model: 'digits', protocol }), verify: 'full' })
    expect(there.report.verify.cases.length).toBeGreaterThan(1)
    expect(there.report).toMatchObject({ backend: 'remote', artifact: null, bundle: { name: 'digits' } })
    expect(there.report.runtime).toMatchObject({ name: 'tensorferry', protocol, urls: [url] })
    const raw = await readFile(`${digits}/drawn.png`)
    expect(await there.predict(raw)).toEqual(await here.predict(raw))
  },
)

test('another model than the bundle is refused before anything is verified', async () => {
  const other = fileURLToPath(new URL('../../../examples/bundles/super-resolution-x3', import.meta.url))
  await using server = await serve({ models: [`digits=${other}`], backend: onnxNode({ threads: 1 }), port: 0 })
  await expect(loadModel(typed, { backend: remote({ url: server.url, model: 'digits' }) })).rejects.toMatchObject({
    code: 'BACKEND_INCOMPATIBLE',
    message: expect.stringMatching(/is it the same model/),
  })
})

test('a list of backends falls back from a server that is away', async () => {
  const away = remote({ url: 'http://127.0.0.1:9', model: 'digits', retries: 0 })
  const backends: readonly Backend[] = [away, onnxNode({ threads: 1 })]
  await using model = await loadModel(typed, { backend: backends })
  expect(model.report.attempts).toMatchObject([
    { backend: 'remote', outcome: 'refused', stage: 'probe', code: 'BACKEND_UNAVAILABLE' },
    { backend: 'onnx-node', outcome: 'chosen' },
  ])
})
