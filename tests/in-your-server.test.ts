// docs/guides/in-your-server.md: its servers are built as it says, started, and asked over HTTP.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ERRORS, type ErrorCode } from '../packages/core/src/errors.ts'
import { codeBlocks } from './code-blocks.ts'
import { freePort } from './free-port.ts'
import { linkPackages } from './linked-project.ts'
import { ROOT, runToEnd } from './workspace.ts'

const GUIDE = 'docs/guides/in-your-server.md'
const blocks = codeBlocks(GUIDE)

let folder: string
let digit: Uint8Array<ArrayBuffer>

/** Builds a file of the guide with the guide's line for esbuild. */
async function build(from: string, to: string): Promise<string> {
  const line = blocks.flatMap(({ code }) => /^esbuild {3}esbuild (.*)$/m.exec(code)?.[1] ?? [])[0]!
  const args = line.replace('express.ts', from).replace('server.mjs', to).split(' ')
  await runToEnd(folder, join(ROOT, 'node_modules/.bin/esbuild'), [...args, '--log-level=warning'])
  return join(folder, to)
}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-server-')))
  await linkPackages(folder)
  await cp(join(ROOT, 'examples/bundles/digits'), join(folder, 'digits'), { recursive: true })
  digit = new Uint8Array(await readFile(join(ROOT, 'examples/digits/samples/3.png')))
  for (const { file, code } of blocks) {
    if (file === null) continue
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), code)
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const first = async (response: Response) => ((await response.json()) as { label: string }[])[0]!.label

describe.each(['express', 'fastify'])('%s', (name) => {
  let server: ChildProcess
  let url: string
  let printed = ''

  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}/classify`
    const environment = { ...process.env, PORT: String(port), NODE_OPTIONS: '' }
    server = spawn(process.execPath, [await build(`${name}.ts`, `${name}.mjs`)], { cwd: folder, env: environment })
    for (const stream of [server.stdout!, server.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text
      })
    }
    await vi.waitFor(
      async () => {
        if (server.exitCode === null) await fetch(url)
        else throw new Error(printed)
      },
      { timeout: 60_000, interval: 50 },
    )
  })

  afterAll(() => {
    server.kill('SIGKILL')
  })

  const post = (body: Uint8Array<ArrayBuffer>) =>
    fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'image/png' } })

  test('a picture gets its labels', async () => {
    const response = await post(digit)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual([
      { label: '3', index: 3, score: expect.closeTo(1, 1) },
      ...Array(2).fill({ label: expect.any(String), index: expect.any(Number), score: expect.closeTo(0, 1) }),
    ])
  })

  test.each([
    ['text', new TextEncoder().encode('{"picture": 3}')],
    ['nothing', new Uint8Array(0)],
    ['half of a picture', null],
  ])('%s in place of a picture is the client’s mistake', async (_name, body) => {
    const response = await post(body ?? digit.slice(0, digit.length / 2))
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ code: 'INPUT_INVALID', error: expect.stringContaining(':') })
  })

  test('a body over the limit is refused with 413', async () => {
    const body = new Uint8Array(10 * 1024 * 1024 + 1)
    const headers = { 'Content-Type': 'image/png', 'Content-Length': body.length }
    const sent = request(url, { method: 'POST', headers })
    // Fastify answers the head and hangs up, Express reads all of the body before it answers.
    if (name === 'express') sent.end(body)
    else sent.flushHeaders()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    sent.once('error', () => {}).destroy()
    expect(response.statusCode).toBe(413)
  })

  test('forty at once are answered, or told to come again', async () => {
    const responses = await Promise.all(Array.from({ length: 40 }, () => post(digit)))
    const labels = await Promise.all(responses.filter(({ ok }) => ok).map(first))
    expect(labels.length).toBeGreaterThanOrEqual(32)
    expect(new Set(labels)).toEqual(new Set(['3']))
    for (const response of responses) if (!response.ok) expect(response.status).toBe(503)
  })

  test('SIGTERM ends it well', async () => {
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    expect([await ended, printed]).toEqual([[0, null], ''])
  })
})

/** Runs a program that imports the guide's files, where the bundle is. */
async function answerOf(name: string, program: string): Promise<unknown> {
  await writeFile(join(folder, `${name}.ts`), program)
  const built = await build(`${name}.ts`, `${name}.mjs`)
  return JSON.parse(await runToEnd(folder, process.execPath, [built, join(ROOT, 'examples/digits/samples/3.png')]))
}

test('classify.ts bounds what is in progress, and knows an answer to each error', async () => {
  const answer = await answerOf(
    'bounded',
    `import { readFile } from 'node:fs/promises'
import { answerTo, classify } from './classify.js'
import { model } from './model.js'
const digit = await readFile(process.argv[2]!)
const call = (signal = new AbortController().signal) =>
  classify(model, digit, signal).then(([best]) => best!.label, (error) => { const { status, body } = answerTo(error)!; return [status, body] })
const crowd = await Promise.all(Array.from({ length: 40 }, () => call()))
const after = await call()
const left = await call(AbortSignal.abort())
await model.dispose()
const ending = await call()
process.stdout.write(JSON.stringify({ crowd, after, left, ending, other: answerTo(new Error('of something else')) }))`,
  )
  expect(answer).toEqual({
    crowd: [
      ...Array(32).fill('3'),
      ...Array(8).fill([503, { code: 'OVERLOADED', error: expect.stringContaining('32 pictures') }]),
    ],
    after: '3',
    left: [499, { code: 'ABORTED', error: expect.any(String) }],
    ending: [409, { code: 'SESSION_DISPOSED', error: expect.any(String) }],
    other: null,
  })
})

test('the route of Next.js takes a form, and loads the model once', async () => {
  const answer = await answerOf(
    'asked',
    `import { readFile } from 'node:fs/promises'
import { POST } from './app/api/classify/route.js'
const digit = new Blob([new Uint8Array(await readFile(process.argv[2]!))])
const kept = globalThis as { classifier?: Promise<{ dispose(): Promise<void> }> }
const ask = async (name: string, value: Blob | string) => {
  const body = new FormData()
  body.set(name, value)
  const response = await POST(new Request('http://localhost/api/classify', { method: 'POST', body }))
  return { status: response.status, body: await response.json() }
}
const right = await ask('picture', digit)
const model = kept.classifier
const wrong = [await ask('image', digit), await ask('picture', 'text'), await ask('picture', new Blob(['text']))]
const isSame = kept.classifier === model
await (await model!).dispose()
process.stdout.write(JSON.stringify({ right: [right.status, right.body[0].label], wrong, isSame }))`,
  )
  expect(answer).toEqual({
    right: [200, '3'],
    wrong: [
      { status: 400, body: { error: 'picture: expected a file' } },
      { status: 400, body: { error: 'picture: expected a file' } },
      {
        status: 400,
        body: { code: 'INPUT_INVALID', error: expect.stringContaining('expected a JPEG, PNG or WebP file') },
      },
    ],
    isSame: true,
  })
})

test('the statuses are those of the errors', () => {
  const table = readFileSync(join(ROOT, GUIDE), 'utf8').matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)
  const statuses = Array.from(table, ([, code, status]) => [code as ErrorCode, Number(status)] as const)
  expect(statuses.length).toBeGreaterThan(5)
  expect(statuses).toEqual(statuses.map(([code]) => [code, ERRORS[code].status]))
})
