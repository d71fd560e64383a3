// What `deploy` writes, and what it leaves alone. Published schemas check the files in tests/serving.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { answerOf, changeFile, changeManifest, copyBundle, ROOT, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')

// biome-ignore lint/suspicious/noExplicitAny: YAML of many forms
const readYaml = async (path: string): Promise<any[]> =>
  parseAllDocuments(await readFile(path, 'utf8')).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS()
  })

describe.each(['compose', 'kubernetes', 'kserve', 'ray'])('%s', (target) => {
  test('says what it wrote, each file with its purpose and a command at its head', async () => {
    const folder = await temporaryFolder()
    const { code, answer } = await answerOf(['deploy', target, DIGITS, '--out', folder])
    expect({ code, model: answer.model, version: answer.version }).toEqual({
      code: 0,
      model: 'digits',
      version: '1.0.0',
    })
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    expect(entries.filter((entry) => entry.isFile())).toHaveLength(answer.files.length)
    for (const file of answer.files as string[]) {
      const text = await readFile(join(folder, file), 'utf8')
      if (/\.(yaml|cfg)$|Dockerfile$/.test(file)) {
        expect(text, file).toMatch(/^# \S/)
        expect(text, file).toMatch(/^# *(docker|kubectl|helm|serve|haproxy)|(serve deploy|haproxy -c)/m)
      }
      if (file.endsWith('.yaml')) expect((await readYaml(join(folder, file))).length).toBeGreaterThan(0)
    }
    expect(answer.next.length).toBeGreaterThan(2)
  })

  test('nothing is overwritten without --force', async () => {
    const folder = await temporaryFolder()
    await tensorferry(['deploy', target, DIGITS, '--out', folder])
    const [kept] = (await readdir(folder)).filter((name) => /\.(yaml|py)$/.test(name)) as [string]
    await writeFile(join(folder, kept), 'mine')
    const { code, answer } = await answerOf(['deploy', target, DIGITS, '--out', folder, '--name', 'other'])
    expect(code).toBe(2)
    expect(answer.error).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/--force overwrites/),
    })
    expect(answer.error.details.files).toContain(kept)
    expect(await readFile(join(folder, kept), 'utf8')).toBe('mine')
    expect(await tensorferry(['deploy', target, DIGITS, '--out', folder, '--force'])).toMatchObject({ code: 0 })
    expect(await readFile(join(folder, kept), 'utf8')).toMatch(/digits/)
  })
})

test('the bundle in the image is whole for its backend, and has nothing else', async () => {
  const folder = await temporaryFolder()
  await tensorferry(['deploy', 'compose', DIGITS, '--out', folder])
  const copy = join(folder, 'models/digits')
  expect((await readdir(copy)).sort()).toEqual([
    'bundle.json',
    'drawn.png',
    'goldens.safetensors',
    'held-out.png',
    'model.onnx',
  ])
  const { code, answer } = await answerOf(['run', copy, join(ROOT, 'examples/digits/samples'), '--verify', 'full'])
  expect({ code, statuses: new Set(answer.results.map(({ status }: { status: string }) => status)) }).toEqual({
    code: 0,
    statuses: new Set(['done']),
  })
})

test('with libtorch the image has the library, the addon and the TorchScript file', async () => {
  const bundle = await copyBundle('digits')
  await changeManifest(bundle, (manifest) => {
    manifest.artifacts = manifest.artifacts.filter(({ format }: { format: string }) => format !== 'onnx')
  })
  for (const [target, image] of [
    ['compose', ''],
    ['kubernetes', 'image'],
  ] as const) {
    const folder = await temporaryFolder()
    const given = ['deploy', target, bundle, '--backend', 'libtorch', '--out', folder]
    expect(await tensorferry(given)).toMatchObject({ code: 0 })
    const dockerfile = await readFile(join(folder, image, 'Dockerfile'), 'utf8')
    expect(dockerfile.match(/^FROM .*$/gm)).toHaveLength(3)
    const [, , last] = dockerfile.split(/^FROM /m).slice(1)
    expect(last).toContain('ENV LIBTORCH=/opt/libtorch/torch TENSORFERRY_CACHE=/opt/tensorferry')
    expect(last).toContain('"--backend", "libtorch"')
    const { dependencies } = JSON.parse(await readFile(join(folder, image, 'package.json'), 'utf8'))
    expect(Object.keys(dependencies)).toContain('@tensorferry/backend-libtorch')
    expect(Object.keys(dependencies)).not.toContain('@tensorferry/backend-onnx-node')
    const files = await readdir(join(folder, image, 'models/digits'))
    expect(files).toContain('model.pt')
    expect(files).not.toContain('model.onnx')
  }
})

test('options reach every file that they mean', async () => {
  const folder = await temporaryFolder()
  const options = ['--name', 'Digits_v2', '--image', 'registry.example.org/d:7', '--replicas', '3']
  await tensorferry(['deploy', 'kubernetes', DIGITS, '--out', folder, ...options, '--max-replicas', '6', '--cpus', '4'])
  const [deployment] = await readYaml(join(folder, 'deployment.yaml'))
  const [container] = deployment.spec.template.spec.containers
  expect(deployment.metadata.name).toBe('digits-v2')
  expect(container.image).toBe('registry.example.org/d:7')
  expect(container.args.slice(0, 1)).toEqual(['Digits_v2=/models/digits-v2'])
  expect(container.args.join(' ')).toContain('--threads 4')
  expect(container.resources.requests.cpu).toBe('4')
  const [autoscaler] = await readYaml(join(folder, 'horizontal-pod-autoscaler.yaml'))
  expect(autoscaler.spec).toMatchObject({
    minReplicas: 3,
    maxReplicas: 6,
    scaleTargetRef: { kind: 'Deployment', name: 'digits-v2' },
  })
  const [service] = await readYaml(join(folder, 'service.yaml'))
  expect(service.spec.selector).toEqual(deployment.spec.template.metadata.labels)
  const [budget] = await readYaml(join(folder, 'pod-disruption-budget.yaml'))
  expect(budget.spec.selector.matchLabels).toEqual(deployment.spec.selector.matchLabels)
})

test('who may reach the pods, how they are asked for metrics, and the way from outside', async () => {
  const folder = await temporaryFolder()
  const options = [
    '--network-policy',
    'ingress-nginx, monitoring',
    '--pod-monitor',
    '--ingress',
    'models.example.org/ml/',
  ]
  const more = ['--ingress-class', 'nginx', '--ingress-tls', 'models-tls']
  expect(await tensorferry(['deploy', 'kubernetes', DIGITS, '--out', folder, ...options, ...more])).toMatchObject({
    code: 0,
  })
  const [deployment] = await readYaml(join(folder, 'deployment.yaml'))
  const { metadata, spec: pod } = deployment.spec.template
  const [container] = pod.containers
  const [policy] = await readYaml(join(folder, 'network-policy.yaml'))
  expect(policy.spec.podSelector.matchLabels).toEqual(metadata.labels)
  expect(policy.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'], egress: [] })
  const [{ from, ports }] = policy.spec.ingress
  expect(ports.map(({ port }: { port: number }) => port)).toEqual(
    container.ports.map(({ containerPort }: { containerPort: number }) => containerPort),
  )
  expect(from).toEqual([
    { podSelector: {} },
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } },
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
  ])
  // Once: a pod that is annotated too would be asked twice.
  const [monitor] = await readYaml(join(folder, 'pod-monitor.yaml'))
  expect(monitor).toMatchObject({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor' })
  expect(monitor.spec).toEqual({
    selector: { matchLabels: metadata.labels },
    podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval: '15s' }],
  })
  expect(container.ports.map(({ name }: { name: string }) => name)).toContain('http')
  expect(metadata.annotations).toBeUndefined()

  const [ingress] = await readYaml(join(folder, 'ingress.yaml'))
  const [service] = await readYaml(join(folder, 'service.yaml'))
  const [rule] = ingress.spec.rules
  expect(ingress.spec).toMatchObject({
    ingressClassName: 'nginx',
    tls: [{ hosts: ['models.example.org'], secretName: 'models-tls' }],
  })
  expect(rule).toMatchObject({ host: 'models.example.org', http: { paths: [{ path: '/ml', pathType: 'Prefix' }] } })
  expect(rule.http.paths[0].backend.service).toEqual({ name: service.metadata.name, port: { name: 'http' } })
  // The path is left on, and the server knows it.
  expect(container.args.join(' ')).toContain('--base-path /ml')
  const [kustomization] = await readYaml(join(folder, 'kustomization.yaml'))
  expect(kustomization.resources).toEqual(
    expect.arrayContaining(['network-policy.yaml', 'pod-monitor.yaml', 'ingress.yaml']),
  )
})

test('an image by its digest is used as it is, and nothing is built under it', async () => {
  const image = `registry.example.org:5000/team/digits:1@sha256:${'ab'.repeat(32)}`
  for (const target of ['kubernetes', 'kserve', 'compose']) {
    const folder = await temporaryFolder()
    const { answer } = await answerOf(['deploy', target, DIGITS, '--out', folder, '--image', image])
    expect(answer.image).toBe(image)
    const file = { kubernetes: 'deployment.yaml', kserve: 'serving-runtime.yaml', compose: 'compose.yaml' }[target]!
    const [document] = await readYaml(join(folder, file))
    expect(JSON.stringify(document)).toContain(`"image":"${image}"`)
    expect(JSON.stringify(document)).not.toContain('"build"')
    const dockerfile = await readFile(join(folder, target === 'compose' ? '' : 'image', 'Dockerfile'), 'utf8')
    expect(dockerfile).toContain('docker build --tag registry.example.org:5000/team/digits:1 .')
    // Each stage begins with what --build-arg gives.
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:22-bookworm-slim$/m)
    expect(dockerfile.match(/^FROM \S+/gm)).toEqual(['FROM $NODE_IMAGE', 'FROM $NODE_IMAGE'])
    expect(answer.next.join('\n')).not.toMatch(/^docker build .*@sha256/m)
  }
})

test('packages come from tarballs when their folder is given', async () => {
  const [out, tarballs] = [await temporaryFolder(), await temporaryFolder()]
  for (const name of ['tensorferry', 'tensorferry-core', 'tensorferry-server', 'tensorferry-backend-onnx-node']) {
    await writeFile(join(tarballs, `${name}-0.1.0.tgz`), name)
  }
  expect(await tensorferry(['deploy', 'compose', DIGITS, '--out', out, '--packages', tarballs])).toMatchObject({
    code: 0,
  })
  const { dependencies } = JSON.parse(await readFile(join(out, 'package.json'), 'utf8'))
  expect(dependencies).toMatchObject({
    tensorferry: 'file:packages/tensorferry-0.1.0.tgz',
    '@tensorferry/core': 'file:packages/tensorferry-core-0.1.0.tgz',
    '@tensorferry/server': 'file:packages/tensorferry-server-0.1.0.tgz',
    '@tensorferry/backend-onnx-node': 'file:packages/tensorferry-backend-onnx-node-0.1.0.tgz',
  })
  expect(await readFile(join(out, 'packages/tensorferry-core-0.1.0.tgz'), 'utf8')).toBe('tensorferry-core')
  expect(await readFile(join(out, 'Dockerfile'), 'utf8')).toContain('COPY packages packages')
})

test.each([
  [['deploy', 'nomad', DIGITS], 2, /Allowed choices are kserve, kubernetes, ray, compose/],
  [['deploy', 'compose', DIGITS, '--backend', 'remote'], 2, /compose takes onnx-node, onnx-web, libtorch/],
  [['deploy', 'kserve', DIGITS, '--backend', 'libtorch'], 2, /libtorch is written for compose and kubernetes/],
  [['deploy', 'compose', DIGITS, '--name', '数字'], 2, /--name: expected letters, digits/],
  [['deploy', 'compose', DIGITS, '--replicas', '5', '--max-replicas', '2'], 2, /--max-replicas 2 is less than/],
  [['deploy', 'compose', join(DIGITS, 'model.onnx')], 3, /bare model/],
  [['deploy', 'compose', DIGITS, '--ingress', 'a.org'], 2, /--ingress is of kubernetes, not of compose/],
  [['deploy', 'kserve', DIGITS, '--ingress', 'a.org'], 2, /KServe makes addresses of its own/],
  [['deploy', 'ray', DIGITS, '--network-policy'], 2, /--network-policy is of kubernetes and kserve, not of ray/],
  [['deploy', 'kubernetes', DIGITS, '--network-policy', 'No Such'], 2, /--network-policy: expected a name/],
  [['deploy', 'kubernetes', DIGITS, '--ingress', 'https://a.org'], 2, /--ingress: expected a host such as/],
  [['deploy', 'kubernetes', DIGITS, '--ingress-tls', 'x'], 2, /--ingress-tls says more of an Ingress/],
  [['deploy', 'kubernetes', DIGITS, '--image', 'a b'], 2, /--image: expected a name such as/],
  [['deploy', 'kubernetes', DIGITS, '--image', 'a@sha256:12'], 2, /64 hexadecimal digits/],
  [['deploy', 'compose', DIGITS, '--packages', join(DIGITS)], 3, /npm run pack makes them/],
] as const)('%j is refused', async (args, exitCode, message) => {
  const { code, stderr } = await tensorferry(args, { cwd: await temporaryFolder() })
  expect(stderr).toMatch(message)
  expect(code).toBe(exitCode)
})

test('a damaged bundle, and one that no backend of the image reads, are not deployed', async () => {
  const damaged = await copyBundle('digits')
  await changeFile(damaged, 'model.onnx', (bytes) => bytes.fill(0, 100, 104))
  const first = await answerOf(['deploy', 'compose', damaged], { cwd: await temporaryFolder() })
  expect(first).toMatchObject({ code: 3, answer: { error: { code: 'INTEGRITY_FAILED' } } })

  const unread = await copyBundle('digits')
  await changeManifest(unread, (manifest) => {
    manifest.artifacts = manifest.artifacts.filter(({ format }: { format: string }) => format !== 'onnx')
  })
  const second = await answerOf(['deploy', 'compose', unread], { cwd: await temporaryFolder() })
  expect(second).toMatchObject({
    code: 3,
    answer: {
      error: {
        code: 'FORMAT_UNSUPPORTED',
        message: expect.stringMatching(/kubernetes with --backend libtorch, or export/),
      },
    },
  })
})
