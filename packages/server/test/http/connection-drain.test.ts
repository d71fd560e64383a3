import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, createServer, get, type Server } from 'node:http'
import { createServer as createSecureServer, get as getSecure, Agent as SecureAgent } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ConnectionDrain } from '../../src/http/connection-drain.ts'
import { deferred } from '../deferred.ts'
import { startServer } from './start-server.ts'

function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tensorferry-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

/** A server whose `/slow` waits for the test, with one connection per agent. */
async function start(kind: 'http' | 'https') {
  const gate = deferred()
  const arrived = deferred()
  let isDraining = false
  const answer: Parameters<typeof createServer>[1] = async (request, response) => {
    if (request.url === '/slow') {
      arrived.resolve()
      await gate.promise
    }
    if (isDraining) response.setHeader('connection', 'close')
    response.end('answered')
  }
  const server: Server =
    kind === 'http' ? createServer(answer) : (createSecureServer(certificate(), answer) as unknown as Server)
  const drain = new ConnectionDrain(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const client = () => {
    const agent = new (kind === 'http' ? Agent : SecureAgent)({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const ended = deferred()
    const ask = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, path, agent, rejectUnauthorized: false }
        const request = (kind === 'http' ? get : getSecure)(options, (response) => {
          response.setEncoding('utf8').once('data', resolve)
        })
        request.once('socket', (socket) => void socket.once('close', () => ended.resolve()))
        request.once('error', reject)
      })
    return Object.assign(ask, { ended: ended.promise })
  }
  const close = (): Promise<void> => {
    isDraining = true
    return drain.close()
  }
  return { port, client, close, arrived: arrived.promise, release: () => gate.resolve() }
}

test.each(['http', 'https'] as const)(
  '%s: open connections are answered, new ones are refused, idle ones end',
  async (kind) => {
    const { port, client, close, arrived, release } = await start(kind)
    const [slow, used, idle] = [client(), client(), client()]
    expect(await Promise.all([slow('/'), used('/'), idle('/')])).toEqual(['answered', 'answered', 'answered'])
    const inProgress = slow('/slow')
    await arrived
    const closing = close()
    let isClosed = false
    void closing.then(() => {
      isClosed = true
    })
    // On a connection that is open: it was on its way.
    expect(await used('/')).toBe('answered')
    await expect
      .poll(
        () =>
          new Promise((resolve) => {
            connect(port, '127.0.0.1')
              .once('connect', () => resolve('open'))
              .once('error', () => resolve('refused'))
          }),
      )
      .toBe('refused')
    await expect(used('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(isClosed).toBe(false)
    release()
    expect(await inProgress).toBe('answered')
    await closing
    await expect(idle('/')).rejects.toMatchObject({ code: expect.stringMatching(/ECONN/) })
  },
)

test('a connection that has been idle for long is still answered at the beginning of the end', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  const { client, close } = await start('http')
  const idle = client()
  expect(await idle('/')).toBe('answered')
  now = 10_000
  const closing = close()
  // Later than the first looks at what is idle, which come on time: the clock stands.
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(await idle('/')).toBe('answered')
  now = 20_000
  await closing
  await idle.ended
})

test('connections that are queued for the port are answered', async () => {
  const { port, close } = await start('http')
  // Node takes one in a turn of the loop: when the last one is connected, most of them wait to be taken.
  const sockets = Array.from({ length: 64 }, () => connect(port, '127.0.0.1'))
  const replies = sockets.map(
    (socket) =>
      new Promise<string>((resolve, reject) => {
        let text = ''
        socket.setEncoding('utf8').on('data', (part) => {
          text += part
        })
        socket.once('end', () => resolve(text)).once('error', reject)
      }),
  )
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  const closing = close()
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nhost: test\r\n\r\n')
  for (const reply of await Promise.all(replies)) expect(reply).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*answered/)
  await closing
})

test('who is told to close the connection finds the port closed', async () => {
  const server = await startServer()
  const { port } = new URL(server.url)
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.once('connect', () => resolve(socket)).once('error', reject)
      onTestFinished(() => void socket.destroy())
    })
  const client = await open()
  const told = new Promise<string>((resolve) => client.setEncoding('utf8').once('data', resolve))
  // The port takes a while to close: so many are queued.
  const queued = await Promise.all(Array.from({ length: 200 }, open))
  const closing = server.close()
  client.write('GET /v2/health/live HTTP/1.1\r\nhost: test\r\n\r\n')
  expect(await told).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*connection: close\r\n/i)
  await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  for (const socket of queued) socket.destroy()
  await closing
})
