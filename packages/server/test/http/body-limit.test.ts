// A body over the limit: the client gets the answer, whatever it has sent by then. Clients as they are in use, and bare sockets.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { ask, digitsBody, post, startServer } from './start-server.ts'

const run = promisify(execFile)
const BYTES = 24 * 2 ** 20
const LIMIT = 100_000

/** Sends all of its body before it reads a byte, as many clients do. */
const PYTHON = `
import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("POST", "/v2/models/digits/infer", body=b"x" * ${BYTES})
response = connection.getresponse()
print(json.dumps([response.status, json.loads(response.read())["code"]]))
`

test('curl, Python and fetch, with a length and in chunks', async () => {
  const server = await startServer({ bodyLimit: LIMIT })
  const address = `${server.url}/v2/models/digits/infer`
  const curl = ['-s', '-w', ' %{http_code}', '--data-binary', '@-', address]
  for (const headers of [[], ['-H', 'Expect:'], ['-H', 'Expect:', '-H', 'Transfer-Encoding: chunked']]) {
    const child = run('curl', [...headers, ...curl])
    child.child.stdin!.on('error', () => undefined)
    child.child.stdin!.end(Buffer.alloc(BYTES, 'x'))
    const { stdout } = await child
    expect(stdout, headers.join(' ')).toMatch(/^\{"error":"the body, unpacked, is larger.*"BODY_TOO_LARGE"\} 413$/)
  }
  const { stdout } = await run('python3', ['-c', PYTHON, new URL(server.url).port])
  expect(JSON.parse(stdout)).toEqual([413, 'BODY_TOO_LARGE'])
  for (let round = 0; round < 5; round++) {
    const { status, json } = await post(server, '/v2/models/digits/infer', Buffer.alloc(BYTES, 'x'))
    expect([status, json.code]).toEqual([413, 'BODY_TOO_LARGE'])
  }
  expect((await post(server, '/v2/models/digits/infer')).status).toBe(200)
})

/** What a server says to a head alone. */
async function saidTo(port: number, head: readonly string[], after = ''): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let said = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    said += text
    if (text.startsWith('HTTP/1.1 100')) socket.write(after)
  })
  socket.write(`${[...head, 'Host: localhost', 'Expect: 100-continue'].join('\r\n')}\r\n\r\n`)
  await expect.poll(() => said).toMatch(/HTTP\/1\.1 [2-5]\d\d[\s\S]*\}$/)
  return said
}

test('who asks first is welcomed, or refused before a byte of the body is sent', async () => {
  const server = await startServer({ bodyLimit: LIMIT, apiKeys: ['secret'] })
  const port = Number(new URL(server.url).port)
  const post = 'POST /v2/models/digits/infer HTTP/1.1'
  const body = digitsBody()
  const welcome = await saidTo(port, [post, `Content-Length: ${body.length}`, 'X-API-Key: secret'], body)
  expect(welcome).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  for (const [head, status] of [
    [[post, `Content-Length: ${LIMIT + 1}`, 'X-API-Key: secret'], 413],
    [[post, 'Content-Length: 10'], 401],
    [['POST /nothing HTTP/1.1', 'Content-Length: 10', 'X-API-Key: secret'], 404],
  ] as const) {
    const said = await saidTo(port, head)
    expect(said).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(said.toLowerCase()).toContain('connection: close')
  }
})

test('who goes on sending without an end is cut off, and others are answered meanwhile', async () => {
  const server = await startServer({ bodyLimit: LIMIT })
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  socket.write('POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(2 ** 20, 'x'), Buffer.from('\r\n')])
  let said = ''
  socket.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  let sent = 0
  while (!isClosed && sent < 2 ** 30) {
    sent += chunk.length
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => closed), closed])
    if (sent === chunk.length) expect((await ask(server, '/v2/health/ready')).status).toBe(200)
  }
  await closed
  expect(said).toContain('BODY_TOO_LARGE')
  expect(sent).toBeLessThan(2 ** 30)
})
