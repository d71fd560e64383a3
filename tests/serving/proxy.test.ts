// HAProxy, with what `deploy compose` writes, in front of three servers: one is killed under load, one told to end.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { ROOT } from '../workspace.ts'
import { PROGRAM, type Running, startProgram, startTensorferry } from './processes.ts'
import { requireProgram } from './require-program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const CLIENTS = 16
const PIXELS = 64

interface Replica extends Running {
  readonly port: number
}

async function startServer(): Promise<Replica> {
  const server = startTensorferry([
    'serve',
    DIGITS,
    '--port',
    '0',
    '--json',
    '--threads',
    '1',
    '--unready-delay',
    '2500',
  ])
  const [, port] = await server.printed(/"url":"http:\/\/127\.0\.0\.1:(\d+)/)
  return { ...server, port: Number(port) }
}

/** Starts HAProxy with the written configuration; only addresses are changed. */
async function startProxy(
  servers: readonly Replica[],
  { change = (text: string) => text, skip }: { change?: (text: string) => string; skip: (reason: string) => void },
): Promise<{ url: string; log: Running['output'] }> {
  const program = requireProgram('haproxy', skip)
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-proxy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const written = startProgram(process.execPath, [PROGRAM, 'deploy', 'compose', DIGITS, '--out', folder])
  expect(await written.ended).toEqual({ code: 0, signal: null })
  const [port, grpcPort] = [await freePort(), await freePort()]
  const replicas = servers.map((server, index) => `  server replica${index + 1} 127.0.0.1:${server.port}`).join('\n')
  const path = join(folder, 'haproxy.cfg')
  const text = (await readFile(path, 'utf8'))
    .replace('bind :8080', `bind 127.0.0.1:${port}`)
    .replace('bind :9000', `bind 127.0.0.1:${grpcPort}`)
    .replace(/^ {2}server-template replica \S+ server:8080 .*$/m, replicas)
    .replace(/^ {2}server-template replica \S+ server:9000 .*\n/m, '')
  await writeFile(path, change(text))
  const proxy = startProgram(program, ['-f', path])
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const isReady = await fetch(`${url}/v2/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return { url, log: proxy.output }
    if (tries === 1000 || proxy.child.exitCode !== null)
      throw new Error(`haproxy: ${proxy.output.stderr}${proxy.output.stdout}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A picture of its own for each number: which pixel is white says whose answer came. */
const bodyOf = (number: number): string => {
  const data = Array.from({ length: PIXELS }, (_, pixel) => (pixel === number % PIXELS ? 3 : 0))
  return JSON.stringify({
    id: String(number),
    inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data }],
  })
}

async function infer(url: string, number: number): Promise<readonly number[]> {
  const response = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: bodyOf(number) })
  const answer = (await response.json()) as {
    id: string
    outputs: readonly { data: readonly number[] }[]
    error?: string
  }
  if (!response.ok) throw new Error(`${response.status} ${answer.error}`)
  if (answer.id !== String(number)) throw new Error(`asked for ${number}, got ${answer.id}`)
  return answer.outputs[0]!.data
}

interface Failure {
  readonly error: Error
  readonly startedAt: number
}

/** Sends requests from several clients; what is due at a number happens while the others go on. */
async function load(
  url: string,
  {
    amount,
    expected,
    events,
  }: { amount: number; expected: readonly (readonly number[])[]; events: Readonly<Record<number, () => void>> },
): Promise<{ failures: readonly Failure[]; wrong: number }> {
  let next = 0
  let wrong = 0
  const failures: Failure[] = []
  const client = async (): Promise<void> => {
    while (next < amount) {
      const number = next++
      events[number]?.()
      const startedAt = performance.now()
      try {
        const row = await infer(url, number)
        const right = expected[number % PIXELS]!
        if (row.some((value, index) => Math.abs(value - right[index]!) > 1e-4)) wrong++
      } catch (error) {
        failures.push({ error: error as Error, startedAt })
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return { failures, wrong }
}

async function expectedRows(server: Replica): Promise<readonly (readonly number[])[]> {
  const rows: (readonly number[])[] = []
  for (let number = 0; number < PIXELS; number++) rows.push(await infer(`http://127.0.0.1:${server.port}`, number))
  expect(new Set(rows.map(String)).size).toBe(PIXELS)
  return rows
}

const startThree = (): Promise<Replica[]> => Promise.all([startServer(), startServer(), startServer()])

test('one server killed and one told to end under load: no request fails, no row is wrong', async ({ skip }) => {
  const servers = await startThree()
  const expected = await expectedRows(servers[2]!)
  const { url, log } = await startProxy(servers, { skip })
  const events = { 1000: () => servers[0]!.child.kill('SIGKILL'), 2000: () => servers[1]!.child.kill('SIGTERM') }
  const { failures, wrong } = await load(url, { amount: 6000, expected, events })
  expect(failures.map(({ error }) => error.message)).toEqual([])
  expect(wrong).toBe(0)
  expect(await servers[0]!.ended).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await servers[1]!.ended).toEqual({ code: 0, signal: null })
  // All three had work.
  for (const replica of ['replica1', 'replica2', 'replica3']) expect(log.stdout).toContain(`servers/${replica} `)
})

test('without retries of what was sent: only requests in flight on the killed server fail', async ({ skip }) => {
  const servers = await startThree()
  const expected = await expectedRows(servers[2]!)
  const change = (text: string): string => {
    const changed = text.replace(/^ {2}retry-on .*$/m, '  retry-on conn-failure')
    expect(changed).not.toBe(text)
    return changed
  }
  const { url, log } = await startProxy(servers, { skip, change })
  let diedAt = Number.POSITIVE_INFINITY
  servers[0]!.child.once('exit', () => {
    diedAt = performance.now()
  })
  const events = { 1000: () => servers[0]!.child.kill('SIGKILL') }
  const { failures, wrong } = await load(url, { amount: 4000, expected, events })
  expect(wrong).toBe(0)
  expect(failures.length).toBeLessThanOrEqual(CLIENTS)
  for (const { startedAt, error } of failures) {
    expect(startedAt).toBeLessThan(diedAt)
    // On a connection that was used before, HAProxy closes in place of a 502: the client may try again.
    expect(error.message).toMatch(/^fetch failed|not valid JSON|Unexpected token/)
  }
  // HAProxy logs each answer, and nothing of a connection that it closes without one: all others were answered.
  const answered = (): number => log.stdout.split('\n').filter((line) => / 200 .*\/infer /.test(line)).length
  await expect.poll(answered).toBe(4000 - failures.length)
})

test('a load of the repository is sent once, whatever becomes of its server', async ({ skip }) => {
  const servers = await startThree()
  const { url, log } = await startProxy(servers, { skip })
  const response = await fetch(`${url}/v2/repository/models/digits/load`, { method: 'POST', body: '{}' })
  // Switched off: an answer of the server, and one line in the log.
  expect(response.status).toBeGreaterThanOrEqual(400)
  expect(response.status).toBeLessThan(500)
  await expect.poll(() => log.stdout).toContain('/v2/repository/models/digits/load')
  expect(log.stdout.match(/\/v2\/repository\/models\/digits\/load/g)).toHaveLength(1)
})
