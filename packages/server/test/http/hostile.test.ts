import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Server } from '@tensorferry/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'
import { ask, digitsBody, inferPath, post, startServer } from './start-server.ts'

/** A connection that sends what it is told, and keeps what it gets. */
function dial(server: Server) {
  const { hostname, port } = new URL(server.url)
  const socket: Socket = connect(Number(port), hostname)
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  // Being cut off is what some of these ask for.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  onTestFinished(() => void socket.destroy())
  return { socket, closed, received: () => received }
}

const stillAnswers = async (server: Server): Promise<void> => expect((await post(server, inferPath())).status).toBe(200)
const HEAD = `POST ${inferPath()} HTTP/1.1\r\nHost: x\r\n`

describe('slow clients', () => {
  test('heads that come byte by byte, or not at all, are answered 408 and cut off', async () => {
    const server = await startServer({ clientTimeoutMs: 400 })
    const silent = Array.from({ length: 20 }, () => dial(server))
    const slow = dial(server)
    const drip = setInterval(() => slow.socket.write('x'), 50)
    onTestFinished(() => clearInterval(drip))
    slow.socket.write('GET /v2 HTTP/1.1\r\nX-Header: ')
    await Promise.all([slow, ...silent].map(({ closed }) => closed))
    expect(slow.received()).toMatch(/^HTTP\/1\.1 408 /)
    expect(slow.received()).toContain('"code":"TIMED_OUT"')
    await stillAnswers(server)
  })

  test('bodies too', async () => {
    const server = await startServer({ clientTimeoutMs: 400 })
    const slow = dial(server)
    const drip = setInterval(() => slow.socket.write(' '), 50)
    onTestFinished(() => clearInterval(drip))
    slow.socket.write(`${HEAD}Content-Length: 100000\r\n\r\n{`)
    await slow.closed
    expect(slow.received()).toMatch(/^HTTP\/1\.1 408 /)
    await stillAnswers(server)
  })

  test('who does not read a large reply is cut off', async () => {
    const server = await startServer({ clientTimeoutMs: 400, models: [bundlePath('super-resolution-x3')] })
    // One reply of more than 20 MB: the buffers of both sides hold half of that.
    const size = 500
    const raw = Buffer.from(new Float32Array(size * size).fill(0.123).buffer)
    const parameters = { binary_data_size: raw.length }
    const json = JSON.stringify({
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 1, size, size], parameters }],
    })
    const lengths = `Inference-Header-Content-Length: ${json.length}\r\nContent-Length: ${json.length + raw.length}`
    const lazy = dial(server)
    lazy.socket.pause()
    lazy.socket.write(`POST ${inferPath('super-resolution-x3')} HTTP/1.1\r\nHost: x\r\n${lengths}\r\n\r\n${json}`)
    lazy.socket.write(raw)
    // Who does not read learns of the end by writing alone.
    const isAnswering = async (): Promise<string> => (await ask(server, '/metrics')).bytes.toString()
    await expect.poll(isAnswering).toMatch(/tensorferry_requests_total\{.*model="super-resolution-x3",code="OK"\} 1/)
    const poke = setInterval(() => lazy.socket.write('\r\n'), 50)
    onTestFinished(() => clearInterval(poke))
    await lazy.closed
    expect((await ask(server, '/v2/health/ready')).status).toBe(200)
  })
})

describe('large bodies', () => {
  test('2 GB that are declared are refused before they are sent, with and without Expect', async () => {
    const server = await startServer()
    for (const expectation of ['', 'Expect: 100-continue\r\n']) {
      const { socket, closed, received } = dial(server)
      socket.write(`${HEAD}${expectation}Content-Length: ${2 ** 31}\r\n\r\n`)
      await closed
      expect(received()).toMatch(/^HTTP\/1\.1 413 /)
      expect(received()).toContain('"code":"BODY_TOO_LARGE"')
    }
    const welcome = dial(server)
    const body = digitsBody()
    welcome.socket.write(`${HEAD}Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`)
    await expect.poll(welcome.received).toMatch(/^HTTP\/1\.1 100 Continue/)
    welcome.socket.write(body)
    await welcome.closed
    expect(welcome.received()).toContain('HTTP/1.1 200 OK')
  })

  test('2 GB that are not declared are refused when the limit is reached', async () => {
    const server = await startServer({ bodyLimit: 1_000_000 })
    const { socket, closed, received } = dial(server)
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
    const chunk = `10000\r\n${' '.repeat(65536)}\r\n`
    let sent = 0
    const send = (): void => {
      while (sent < 2 ** 31 && !socket.destroyed) {
        sent += 65536
        if (!socket.write(chunk)) {
          socket.once('drain', send)
          return
        }
      }
    }
    send()
    await closed
    expect(received()).toMatch(/^HTTP\/1\.1 413 /)
    expect(sent).toBeLessThan(2 ** 28)
    await stillAnswers(server)
  })

  test('what unpacks to more than the limit is refused; memory stays', async () => {
    const server = await startServer({ bodyLimit: 4 * 2 ** 20 })
    const bomb = gzipSync(Buffer.alloc(2 ** 28, 0x20), { level: 9 })
    expect(bomb.length).toBeLessThan(2 ** 19)
    const before = process.memoryUsage.rss()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(server, inferPath(), bomb, { 'content-encoding': 'gzip' })),
    )
    for (const { status, json } of answers) expect([status, json.code]).toEqual([413, 'BODY_TOO_LARGE'])
    // 20 bombs unpack to 5 GiB; what is kept of each is at most the limit.
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 29)
    await stillAnswers(server)
  })

  test('bodies of all requests together stay within their bound', async () => {
    const server = await startServer({ bodyLimit: 100_000 })
    const part = `${HEAD}Content-Length: 100000\r\n\r\n${' '.repeat(99_000)}`
    const held = Array.from({ length: 16 }, () => dial(server))
    for (const { socket } of held) socket.write(part)
    const status = async (): Promise<number> => (await post(server, inferPath(), ' '.repeat(99_999))).status
    await expect.poll(status).toBe(503)
    for (const { socket } of held) socket.destroy()
    await expect.poll(status).toBe(400)
    await stillAnswers(server)
  })
})

describe('heads', () => {
  test('floods of headers are refused', async () => {
    const server = await startServer()
    const large = dial(server)
    large.socket.write(`GET /v2 HTTP/1.1\r\nHost: x\r\n${'X-Header: 0123456789\r\n'.repeat(2000)}\r\n`)
    await large.closed
    expect(large.received()).toMatch(/^HTTP\/1\.1 431 /)
    const endless = dial(server)
    endless.socket.write('GET /v2 HTTP/1.1\r\nHost: x\r\nX: ')
    const flood = (): void => {
      while (!endless.socket.destroyed && endless.socket.write('a'.repeat(65536))) {}
      if (!endless.socket.destroyed) endless.socket.once('drain', flood)
    }
    flood()
    await endless.closed
    await stillAnswers(server)
  })

  test('what is no HTTP, and two lengths at once', async () => {
    const server = await startServer()
    for (const text of [
      '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n',
      `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ]) {
      const { socket, closed, received } = dial(server)
      socket.write(text, 'latin1')
      await closed
      expect(received()).toMatch(/^HTTP\/1\.1 400 /)
      expect(received()).toContain('"code":"INPUT_INVALID"')
    }
  })

  test('names with tricks in them are names that nobody has', async () => {
    const server = await startServer({ repositoryToken: 'secret' })
    const tricks = ['%2e%2e%2f%2e%2e%2fetc%2fpasswd', '%00', 'digits%00', '__proto__', 'constructor', 'x'.repeat(1000)]
    for (const name of [...tricks, '%F0%9F%98%80', 'digits%20', '%25%32%65']) {
      for (const path of [`/v2/models/${name}`, `/v2/models/${name}/config`, `/v2/models/digits/versions/${name}`]) {
        const { status, json } = await ask(server, path)
        expect([status, json.code], path).toEqual([404, 'NOT_FOUND'])
      }
      expect((await post(server, `/predict/${name}`, 'x')).status).toBe(404)
      const load = await post(server, `/v2/repository/models/${name}/load`, '', { authorization: 'Bearer secret' })
      expect(load.status, name).toBe(404)
    }
    for (const path of [
      '/v2/models/%ZZ',
      `/v2/models/${'x'.repeat(1025)}`,
      '/page/..%2f..%2fpackage.json',
      '/docs/%2e%2e/x',
    ]) {
      expect([400, 404, 414], path).toContain((await ask(server, path)).status)
    }
  })
})

describe('JSON', () => {
  test('10 000 levels deep, many small arrays, numbers that overflow: refused, and the next is answered', async () => {
    const server = await startServer()
    const nest = (depth: number): string => `${'['.repeat(depth)}1${']'.repeat(depth)}`
    const wrap = (data: string, shape = '[1]'): string =>
      `{"inputs":[{"name":"image","datatype":"FP32","shape":${shape},"data":${data}}]}`
    const bodies = [
      nest(10_000),
      wrap(nest(10_000)),
      // Through the worker.
      wrap(nest(400_000)),
      wrap(`[${'[],'.repeat(200_000)}[]]`),
      wrap('[1]', '[1152921504606846976]'),
      wrap('[1]', '[1073741824,1073741824]'),
      wrap('[]', '[0,4611686018427387904]'),
      wrap('[1e999]'),
      wrap('[NaN]'),
      wrap('[Infinity]'),
      `{"inputs":[{"name":"__proto__","datatype":"FP32","shape":[1],"data":[1]}]}`,
      '{"__proto__":{"inputs":[]}}',
      '\ufeff{}',
    ]
    for (const body of bodies) {
      const { status, json } = await post(server, inferPath(), body)
      expect([status, json?.code], body.slice(0, 60)).toEqual([400, 'INPUT_INVALID'])
    }
    await stillAnswers(server)
  })
})

test('JSON that unfolds to more memory than there is is refused before it is parsed', async () => {
  const server = await startServer()
  for (const unit of ['{},', '[[]],', '{"a":{}},']) {
    const values = unit.repeat(Math.floor(60e6 / unit.length))
    const body = `{"inputs":[{"name":"image","datatype":"FP32","shape":[1],"data":[${values}1]}]}`
    const { status, json } = await post(server, inferPath(), body)
    expect([status, json.code], unit).toEqual([400, 'INPUT_INVALID'])
    expect(json.error).toMatch(/would take about \d+ MiB of memory/)
  }
  await stillAnswers(server)
})

describe('many', () => {
  test('connections beyond the bound are closed, and those within it served', async () => {
    const server = await startServer({ maxConnections: 20 })
    const lines = Array.from({ length: 60 }, () => dial(server))
    await expect.poll(() => lines.filter(({ socket }) => socket.destroyed).length).toBe(40)
    const open = lines.filter(({ socket }) => !socket.destroyed)
    for (const { socket } of open) socket.write('GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => open.filter(({ received }) => received().startsWith('HTTP/1.1 200')).length).toBe(20)
  })
})
