import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tensor } from '@tensorferry/core'
import type { Server } from '@tensorferry/server'
import { expect, test } from 'vitest'
import { peerPython } from '../../../../tests/serving/python-venv.ts'
import { bundlePath } from '../load-models.ts'
import { digitsBody, fixtureModel, startServer } from './start-server.ts'

const run = promisify(execFile)
const start = async (): Promise<Server> => startServer({ models: [bundlePath('digits'), await fixtureModel('string')] })

async function python(peer: string, script: string, server: Server): Promise<Record<string, unknown>> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { stdout } = await run(await peerPython(peer), [path, server.url], { maxBuffer: 2 ** 24 })
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}

async function logitsOf(server: Server): Promise<number[]> {
  const image = tensor(
    'float32',
    Float32Array.from({ length: 128 }, (_, index) => index / 128),
    [2, 1, 8, 8],
  )
  const { logits } = await server.repository.get('digits').infer({ image })
  return Array.from(logits!.data as Float32Array)
}

test("KServe's REST client", { timeout: 600_000 }, async () => {
  const server = await start()
  const results = await python('kserve', 'kserve_client.py', server)
  for (const call of ['is_server_live', 'is_server_ready', 'is_model_ready']) {
    expect(results[call], call).toEqual({ ok: true })
  }
  expect(results['is_model_ready unknown']).toEqual({ ok: false })
  const data = await logitsOf(server)
  for (const form of ['binary', 'json']) {
    expect(results[`infer ${form}`], form).toEqual({ ok: { id: 'seven', data } })
    expect(results[`infer strings ${form}`], form).toEqual({ ok: { id: 'seven', data: ['grüße', 'b', 'a'] } })
  }
  expect(results['infer wrong']).toMatchObject({
    error: expect.stringContaining('image: expected float32[batch, 1, 8, 8]'),
  })
  expect(results['infer unknown']).toMatchObject({ error: expect.stringContaining('nobody') })
})

test("requests and replies in MLServer's own types", { timeout: 600_000 }, async () => {
  const server = await start()
  expect(await python('mlserver', 'mlserver_client.py', server)).toEqual({
    id: 'seven',
    logits: await logitsOf(server),
    whole: [2, 10],
    texts: ['grüße', 'b', 'a'],
    metadata: [-1, 1, 8, 8],
    wrong: [404, 'NOT_FOUND'],
  })
})

test('curl: JSON from the command line, a file, a form', async () => {
  const server = await start()
  const curl = async (...options: string[]): Promise<unknown> =>
    JSON.parse((await run('curl', ['-s', ...options])).stdout)
  const photo = join(bundlePath('super-resolution-x3'), 'photo.png')
  expect(await curl('-d', digitsBody(), `${server.url}/v2/models/digits/infer`)).toMatchObject({
    model_name: 'digits',
    outputs: [{ name: 'logits', shape: [1, 10] }],
  })
  const labels = await curl('--data-binary', `@${photo}`, `${server.url}/predict/digits`)
  expect(labels).toMatchObject([{ label: '8' }, { label: '9' }, { label: '0' }])
  expect(await curl('-F', `image=@${photo}`, `${server.url}/predict/digits`)).toEqual(labels)
  expect(await curl('-T', photo, `${server.url}/predictions/digits`)).toMatchObject({ 8: expect.any(Number) })
  const packed = ['--compressed', '-H', 'Accept-Encoding: gzip']
  expect(await curl(...packed, '-d', digitsBody({}, 100), `${server.url}/v2/models/digits/infer`)).toMatchObject({
    outputs: [{ shape: [100, 10] }],
  })
})
