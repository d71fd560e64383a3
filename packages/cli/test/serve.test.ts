import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { changeFile, copyBundle, ROOT, SAMPLES, start, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const ON_ONNX = ['--backend', 'onnx-node', '--threads', '1']

/** Starts the program, and waits until it says that it is ready. */
async function serve(args: readonly string[]) {
  const { child, ended } = start(['serve', ...args, '--port', '0', '--json', ...ON_ONNX])
  onTestFinished(() => void child.kill('SIGKILL'))
  const line = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (part: string) => {
      text += part
      if (text.includes('\n')) resolve(text)
    })
    void ended.then(({ stderr }) => reject(new Error(stderr)))
  })
  return {
    child,
    ended,
    ready: JSON.parse(line) as { url: string; grpcUrl: string | null; models: readonly { name: string }[] },
  }
}

const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data: new Array<number>(64).fill(0.5) }],
})
const infer = (url: string): Promise<Response> => fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body })

test('says in one line what it serves, and answers', async () => {
  const { child, ended, ready } = await serve([DIGITS, `second=${DIGITS}`, '--grpc-port', '0'])
  expect(ready.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(ready.grpcUrl).toMatch(/:\d+$/)
  // In the order in which they were ready.
  expect(ready.models.toSorted((one, other) => (one.name < other.name ? -1 : 1))).toMatchObject([
    { name: 'digits', version: '1.0.0', backend: 'onnx-node', artifact: 'onnx', verified: 1, batching: true },
    { name: 'second', version: '1.0.0' },
  ])
  const picture = await readFile(join(SAMPLES, 'three.png')).catch(() => readFile(join(DIGITS, 'held-out.png')))
  const prediction = await fetch(`${ready.url}/predict/second`, { method: 'POST', body: new Uint8Array(picture) })
  expect(prediction.status).toBe(200)
  child.kill('SIGTERM')
  const { code, stdout, stderr } = await ended
  expect(code).toBe(0)
  expect(stdout.split('\n')).toHaveLength(2)
  expect(stderr).toContain('ready digits 1.0.0 on onnx-node')
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s under load: everything that was accepted is answered', async (signal) => {
  const { child, ended, ready } = await serve([DIGITS, '--log-level', 'info'])
  let answered = 0
  const client = async (): Promise<void> => {
    for (;;) {
      const response = await infer(ready.url).catch((error: Error) => error.cause as { code?: string })
      if (!(response instanceof Response)) {
        // Refused by a port that is closed, never reset. A client that gets no core for 300 ms may find that its connection,
        // idle so long, has ended. What was taken is answered, and the log knows it.
        expect(['ECONNREFUSED', 'UND_ERR_SOCKET']).toContain(response.code)
        return
      }
      expect(response.status).toBe(200)
      const { outputs } = (await response.json()) as { outputs: readonly { data: readonly number[] }[] }
      expect(outputs[0]!.data).toHaveLength(10)
      answered++
    }
  }
  const clients = Array.from({ length: 16 }, client)
  await expect.poll(() => answered, { timeout: 30_000 }).toBeGreaterThan(100)
  child.kill(signal)
  await Promise.all(clients)
  const { code, stderr } = await ended
  expect(code).toBe(0)
  // Every line is JSON: a collector of logs reads it.
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['loaded', 'draining']))
  const requests = lines.filter(({ msg }) => msg === 'request')
  expect(requests.filter((request) => request.code !== 'OK')).toEqual([])
  expect(requests).toHaveLength(answered)
})

test('without threads of its own it answers too', async () => {
  const { ready } = await serve([DIGITS, '--json-threads', '0', '--pipeline-threads', '0'])
  const image = await readFile(join(DIGITS, 'held-out.png'))
  const prediction = await fetch(`${ready.url}/predict/digits`, { method: 'POST', body: new Uint8Array(image) })
  expect(prediction.status).toBe(200)
  // Large enough for a thread, if there were one.
  const rows = 1024
  const data = new Array<number>(rows * 64).fill(0.5)
  const large = JSON.stringify({ inputs: [{ name: 'image', datatype: 'FP32', shape: [rows, 1, 8, 8], data }] })
  const reply = await fetch(`${ready.url}/v2/models/digits/infer`, { method: 'POST', body: large })
  expect(((await reply.json()) as { outputs: readonly { shape: unknown }[] }).outputs[0]!.shape).toEqual([rows, 10])
})

test('a second signal ends it at once', async () => {
  const { child, ended } = await serve([DIGITS, '--unready-delay', '600000'])
  child.kill('SIGTERM')
  child.kill('SIGINT')
  expect((await ended).code).toBe(130)
})

test('keys of a file are asked for', async () => {
  const keys = join(await temporaryFolder(), 'keys.txt')
  await writeFile(keys, '# of the tests\n\nfirst-key\nsecond-key\n')
  const { ready } = await serve([DIGITS, '--api-keys-file', keys])
  expect((await infer(ready.url)).status).toBe(401)
  const headers = { authorization: 'Bearer second-key' }
  const response = await fetch(`${ready.url}/v2/models/digits/infer`, { method: 'POST', body, headers })
  expect(response.status).toBe(200)
})

test.each([
  ['a bundle that is not there', ['./nowhere'], 3, 'NOT_FOUND'],
  ['no bundle', [], 2, "missing required argument 'bundles'"],
  ['a port that is none', [DIGITS, '--port', '70000'], 2, 'Expected a port'],
  ['an unknown option', [DIGITS, '--prot', '1'], 2, 'Did you mean --port?'],
  ['threads that are none', [DIGITS, '--json-threads', '1.5'], 2, 'Expected a whole number; 0 is none.'],
  ['too many threads for JSON', [DIGITS, '--json-threads', '65', ...ON_ONNX], 2, 'jsonThreads: expected'],
  ['too many threads for pictures', [DIGITS, '--pipeline-threads', '65', ...ON_ONNX], 2, 'pipelineThreads: expected'],
  ['half of TLS', [DIGITS, '--tls-cert', 'cert.pem', ...ON_ONNX], 2, '--tls-cert and --tls-key: expected both'],
  [
    'a file of keys that is not there',
    [DIGITS, '--api-keys-file', 'nowhere.txt', ...ON_ONNX],
    2,
    '--api-keys-file: ENOENT',
  ],
  ['a backend that is not there', [DIGITS, '--backend', 'nothing'], 4, 'BACKEND_NOT_INSTALLED'],
  ['an empty token', [DIGITS, '--token', '', ...ON_ONNX], 2, 'repositoryToken: expected a text that is not empty'],
  ['an origin that is none', [DIGITS, '--cors', 'https://a.org/', ...ON_ONNX], 2, 'cors: expected'],
])('%s', async (_, args, exitCode, message) => {
  const { code, stderr } = await tensorferry(['serve', '--port', '0', ...args])
  expect(stderr).toContain(message)
  expect(code).toBe(exitCode)
})

test('an empty file of keys is refused: it would let everybody in', async () => {
  const keys = join(await temporaryFolder(), 'keys.txt')
  await writeFile(keys, '# none yet\n')
  const { code, stderr } = await tensorferry(['serve', DIGITS, '--api-keys-file', keys, ...ON_ONNX])
  expect(stderr).toContain('no key in')
  expect(code).toBe(2)
})

test('a bundle whose numbers are wrong is not served', async () => {
  const folder = await copyBundle('digits')
  await changeFile(folder, 'model.onnx', (bytes) => void bytes.fill(0, bytes.length >> 1))
  const { code, stderr } = await tensorferry(['serve', folder, '--port', '0', ...ON_ONNX])
  expect(stderr).toContain('INTEGRITY_FAILED')
  // It never served.
  expect(stderr).not.toContain('ending')
  expect(code).toBe(3)
})

test('a port in use has words of its own, and is no matter of backends', async () => {
  const { ready } = await serve([DIGITS])
  const port = new URL(ready.url).port
  const { code, stderr } = await tensorferry(['serve', DIGITS, ...ON_ONNX, '--port', port])
  expect(stderr).toContain(`port ${port} of 127.0.0.1 is in use: another program listens there`)
  expect(stderr).toContain('--port')
  expect(code).toBe(5)
})

test('a damaged version beside a good one is told when it is ready, and the good one is served', async () => {
  const folder = join(await temporaryFolder(), 'digits')
  await cp(DIGITS, join(folder, '1'), { recursive: true })
  await cp(DIGITS, join(folder, '2'), { recursive: true })
  await writeFile(join(folder, '2', 'model.onnx'), 'half a model')
  const { child, ended, ready } = await serve([folder])
  expect(ready.models).toMatchObject([{ name: 'digits', version: '1' }])
  child.kill('SIGTERM')
  expect((await ended).stderr).toMatch(/refused digits 2: INTEGRITY_FAILED: .*; what was ready stays/)
})
