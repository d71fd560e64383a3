// Every file that `tensorferry deploy` writes, against what its reader publishes: schemas, models, linters.
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../workspace.ts'
import { peerProgram, peerPython } from './python-venv.ts'
import { requireProgram } from './require-program.ts'

const PROGRAM = join(ROOT, 'packages/cli/dist/main.js')
const CHECK = fileURLToPath(new URL('check_manifests.py', import.meta.url))
const PINNED = `registry.example.org/d@sha256:${'0123456789abcdef'.repeat(4)}`
let folder: string

function call(command: string, ...args: readonly string[]): { code: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw error
  return { code: status, output: stdout + stderr }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorferry-deploy-'))
  for (const bundle of ['digits', 'super-resolution-x3']) {
    for (const target of ['compose', 'kubernetes', 'kserve', 'ray']) {
      const out = join(folder, bundle, target)
      const args = ['deploy', target, join(ROOT, 'examples/bundles', bundle), '--out', out]
      expect(call(process.execPath, PROGRAM, ...args)).toMatchObject({ code: 0 })
    }
    for (const [target, options] of [
      ['kubernetes', ['--ingress', 'models.example.org/ml', '--ingress-class', 'nginx', '--ingress-tls', 'models-tls']],
      ['kserve', []],
    ] as const) {
      const guarded = ['--network-policy', 'ingress-nginx,monitoring', '--pod-monitor', '--image', PINNED, ...options]
      const out = join(folder, bundle, `${target}-guarded`)
      const args = ['deploy', target, join(ROOT, 'examples/bundles', bundle), '--out', out, ...guarded]
      expect(call(process.execPath, PROGRAM, ...args)).toMatchObject({ code: 0 })
    }
    const args = ['deploy', 'compose', join(ROOT, 'examples/bundles', bundle), '--backend', 'libtorch']
    const out = join(folder, bundle, 'libtorch')
    expect(call(process.execPath, PROGRAM, ...args, '--out', out)).toMatchObject({ code: 0 })
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Writes a file again with something wrong in it; the same check must find it. */
async function spoil(path: string, from: string | RegExp, to: string): Promise<string> {
  const text = await readFile(path, 'utf8')
  const spoiled = text.replace(from, to)
  expect(spoiled).not.toBe(text)
  await writeFile(`${path}.spoiled`, spoiled)
  return `${path}.spoiled`
}

describe.each(['digits', 'super-resolution-x3'])('%s', (bundle) => {
  const at = (path: string): string => join(folder, bundle, path)

  test('Kubernetes’ JSON Schemas', async () => {
    const python = await peerPython('deploy')
    const kinds = ['deployment', 'service', 'horizontal-pod-autoscaler', 'pod-disruption-budget']
    const files = kinds.map((kind) => at(`kubernetes/${kind}.yaml`))
    const guarded = [...kinds, 'network-policy', 'ingress'].map((kind) => at(`kubernetes-guarded/${kind}.yaml`))
    files.push(...guarded, at('kserve-guarded/network-policy.yaml'))
    expect(call(python, CHECK, 'kubernetes', ...files)).toEqual({ code: 0, output: '' })
    const spoiled = await spoil(files[0]!, 'failureThreshold: 150', 'failureTreshold: 150')
    expect(call(python, CHECK, 'kubernetes', spoiled)).toEqual({
      code: 1,
      output: expect.stringContaining("'failureTreshold' was unexpected"),
    })
    const wrong = [
      await spoil(at('kubernetes-guarded/network-policy.yaml'), 'podSelector', 'podSelektor'),
      await spoil(at('kubernetes-guarded/ingress.yaml'), 'pathType: Prefix', 'pathTyp: Prefix'),
    ]
    const { code, output } = call(python, CHECK, 'kubernetes', ...wrong)
    expect([code, output.trim().split('\n').length > 1]).toEqual([1, true])
  })

  test('KServe’s own models of its resources', async () => {
    const python = await peerPython('kserve')
    const files = [at('kserve/serving-runtime.yaml'), at('kserve/inference-service.yaml')]
    files.push(at('kserve-guarded/serving-runtime.yaml'), at('kserve-guarded/inference-service.yaml'))
    expect(call(python, CHECK, 'kserve', ...files)).toEqual({ code: 0, output: '' })
    const wrong = [
      await spoil(files[0]!, 'protocolVersions', 'protocolVersion'),
      await spoil(files[1]!, 'minReplicas: 2', 'minReplicas: two'),
    ]
    const { code, output } = call(python, CHECK, 'kserve', ...wrong)
    expect(code).toBe(1)
    expect(output).toContain('V1alpha1ServingRuntimeSpec has no field protocolVersion')
    expect(output).toContain("minReplicas: expected int, got 'two'")
  })

  test('the Compose specification', async () => {
    const python = await peerPython('deploy')
    const file = at('compose/compose.yaml')
    expect(call(python, CHECK, 'compose', file)).toEqual({ code: 0, output: '' })
    const spoiled = await spoil(file, 'read_only', 'readonly')
    expect(call(python, CHECK, 'compose', spoiled)).toEqual({
      code: 1,
      output: expect.stringContaining('services.server: extension key `readonly` does not start with "x-"'),
    })
  })

  test('hadolint on the Dockerfiles', async () => {
    const hadolint = await peerProgram('deploy', 'hadolint')
    for (const path of ['compose', 'kubernetes/image', 'kubernetes-guarded/image', 'kserve/image', 'libtorch']) {
      expect(call(hadolint, at(`${path}/Dockerfile`))).toEqual({ code: 0, output: '' })
    }
    const spoiled = await spoil(at('compose/Dockerfile'), 'WORKDIR /app', 'WORKDIR app')
    expect(call(hadolint, spoiled)).toMatchObject({ code: 1, output: expect.stringContaining('DL3000') })
  })

  test('HAProxy reads its configuration', async ({ skip }) => {
    const haproxy = requireProgram('haproxy', skip)
    expect(call(haproxy, '-c', '-f', at('compose/haproxy.cfg')).output).toContain('Configuration file is valid')
    const spoiled = await spoil(at('compose/haproxy.cfg'), 'balance leastconn', 'balance leastcon')
    expect(call(haproxy, '-c', '-f', spoiled)).toMatchObject({ code: 1 })
  })

  test('the image is started with arguments that serve knows', async () => {
    const help = call(process.execPath, PROGRAM, 'serve', '--help').output
    const dockerfile = await readFile(at('compose/Dockerfile'), 'utf8')
    const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!) as string[]
    const options = command.filter((word) => word.startsWith('--'))
    expect(options).toContain('--port')
    for (const option of options) expect(help).toContain(option)
  })
})
