import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerOf, temporaryFolder, tensorferry } from './program.ts'

test('Node, C library, CPU, threads, and a backend that proves itself', async () => {
  const { code, answer } = await answerOf(['doctor'])
  expect(code).toBe(0)
  expect(answer).toMatchObject({
    healthy: true,
    node: { version: process.versions.node, supported: true },
    system: { platform: process.platform, arch: process.arch },
    cpu: { usable: availableParallelism() },
    sharp: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  })
  if (process.platform === 'linux') expect(answer.libc).toMatch(/^(glibc \d+\.\d+|musl)$/)
  const onnxNode = answer.backends.find(({ name }: { name: string }) => name === 'onnx-node')
  expect(onnxNode).toMatchObject({
    usable: true,
    formats: ['onnx'],
    error: 0,
    runtime: { name: 'onnxruntime-node', provider: 'cpu' },
  })
})

test('why a backend does not work: not installed, not usable here, broken, wrong numbers', async () => {
  const cwd = await temporaryFolder()
  const probes = {
    'driverless.mjs': `{ available: false, code: 'BACKEND_UNAVAILABLE', reason: 'no driver', hint: 'install one' }`,
    'working.mjs': '{ available: true }',
  }
  for (const [name, availability] of Object.entries(probes)) {
    await writeFile(
      join(cwd, name),
      `export default () => ({ apiVersion: 1, name: '${name.slice(0, -4)}', formats: ['onnx'], probe: async () => (${availability}),
  createSession: async ({ signature }) => ({ ...signature, runtime: { name: 'it', version: '1', device: 'cpu', provider: null, threads: null },
    run: async () => ({}), dispose: async () => undefined }) })`,
    )
  }
  await writeFile(join(cwd, 'broken.mjs'), 'throw new Error("libtorch.so is missing")')
  const args = ['doctor', ...Object.keys(probes).flatMap((name) => ['-b', `./${name}`]), '-b', './broken.mjs']
  const { code, answer } = await answerOf(args, { cwd })
  expect(code).toBe(4)
  expect(answer.healthy).toBe(false)
  expect(answer.backends).toMatchObject([
    { usable: false, reason: 'no driver', hint: 'install one' },
    { usable: false, code: 'VERIFICATION_FAILED' },
    { usable: false, code: 'BACKEND_UNAVAILABLE', reason: expect.stringContaining('libtorch.so is missing') },
  ])
  const { stdout } = await tensorferry(args, { cwd })
  expect(stdout).toContain('No backend works here.')
  expect(stdout).toContain('driverless: BACKEND_UNAVAILABLE: no driver; install one')
})

test('the config file is named, and a broken one is an error', async () => {
  const cwd = await temporaryFolder()
  const path = join(cwd, 'tensorferry.config.json')
  await writeFile(path, JSON.stringify({ backends: ['@tensorferry/backend-nowhere'] }))
  const { answer } = await answerOf(['doctor'], { cwd })
  expect(answer.config).toEqual({ from: path, backends: ['@tensorferry/backend-nowhere'] })
  await writeFile(path, '{ "backends": [')
  expect(await answerOf(['doctor'], { cwd })).toMatchObject({ code: 2, answer: { error: { code: 'OPTIONS_INVALID' } } })
  const environment = await answerOf(['doctor'], { cwd, env: { TENSORFERRY_BACKEND: 'onnx-node' } })
  expect(environment.answer.config.from).toBe('TENSORFERRY_BACKEND')
})
