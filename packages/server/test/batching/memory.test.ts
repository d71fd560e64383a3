import { spawn } from 'node:child_process'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { digitsBody, inferPath } from '../http/start-server.ts'
import { bundlePath } from '../load-models.ts'

const program = fileURLToPath(new URL('../programs/count-old-space.mjs', import.meta.url))
const CLIENTS = 16

/** So many requests over so many connections, one after the other on each; all are answered with 200. */
async function ask(url: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const body = digitsBody()
  const one = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json' } }, (reply) => {
        reply.resume().once('end', () => resolve(reply.statusCode!))
      })
      sent.once('error', reject).end(body)
    })
  const client = async (): Promise<void> => {
    for (let number = 0; number < count / CLIENTS; number++) expect(await one()).toBe(200)
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  agent.destroy()
}

test('what belongs to a request goes with young collections, also after a full one', { timeout: 120_000 }, async () => {
  const child = spawn(process.execPath, ['--expose-gc', program, bundlePath('digits')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => (await lines.next()).value
  const oldSpace = (line: 'collect' | 'look'): Promise<number> => {
    child.stdin.write(`${line}\n`)
    return next().then(Number)
  }
  const url = (await next()) + inferPath()
  // V8 compiles what runs often, which is old too.
  await ask(url, 8000)
  const before = await oldSpace('collect')
  await ask(url, 8000)
  const perRequest = ((await oldSpace('look')) - before) / 8000
  // A full collection every four seconds of load, and a tail: with Sets in place of the queues it was 1,030 bytes and more.
  expect(perRequest).toBeLessThan(250)
})
