import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** What becomes of an inference request. */
export type Behaviour =
  | 'answer'
  /** Read, then the connection is cut. */
  | 'cut'
  /** Never answered. */
  | 'hang'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }

/** A server of the model `double` (`output = 2 * input`, FP32 of any length) that fails as it is told. */
export interface FaultyServer {
  readonly url: string
  /** Inference requests that came. */
  readonly requests: number
  /** Requests whose client left before the answer. */
  readonly abandoned: number
  /** For the next requests in turn; afterwards `answer`. */
  script(...behaviours: readonly Behaviour[]): void
  /** Takes back what is left of the script. */
  clear(): void
  /** For every request from now on. */
  always(behaviour: Behaviour): void
  /** Whether its readiness says yes. */
  ready: boolean
  /** Told of the next question whether it is ready, after its answer. */
  onReadyAsked(call: () => void): void
  /** Releases what hangs with the right answer. */
  release(): void
  stop(): Promise<void>
  /** The same address again. */
  start(): Promise<void>
}

const METADATA = {
  name: 'double',
  versions: ['1'],
  platform: 'test',
  inputs: [{ name: 'input', datatype: 'FP32', shape: [-1] }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1] }],
}

async function bodyOf(request: IncomingMessage): Promise<{ inputs: { shape: number[]; data: number[] }[] }> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Starts one on a free port until the test ends. */
export async function faultyServer(metadata: object = METADATA): Promise<FaultyServer> {
  const planned: Behaviour[] = []
  const hanging: (() => void)[] = []
  const asked: (() => void)[] = []
  let standing: Behaviour = 'answer'
  let port = 0
  const state = { requests: 0, abandoned: 0, ready: true }

  async function infer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    state.requests++
    response.on('close', () => {
      if (!response.writableFinished) state.abandoned++
    })
    const { inputs } = await bodyOf(request)
    const [input] = inputs
    const outputs = [{ name: 'output', datatype: 'FP32', shape: input!.shape, data: input!.data.map((x) => 2 * x) }]
    const answer = (): void => send(response, 200, { model_name: 'double', outputs })
    const behaviour = planned.shift() ?? standing
    if (behaviour === 'answer') answer()
    else if (behaviour === 'cut') request.socket.destroy()
    else if (behaviour === 'hang') hanging.push(answer)
    else send(response, behaviour.status, behaviour.body ?? { error: 'told to' }, behaviour.headers)
  }

  const server = createServer((request, response) => {
    if (request.url === '/v2') send(response, 200, { name: 'faulty', version: '1', extensions: [] })
    else if (request.url === '/v2/models/double') send(response, 200, metadata)
    else if (request.url === '/v2/models/double/ready') {
      send(response, state.ready ? 200 : 503, {})
      response.on('close', () => {
        for (const call of asked.splice(0)) call()
      })
    } else if (request.url === '/v2/models/double/infer') void infer(request, response)
    else send(response, 404, { error: `no route ${request.url}` })
  })
  const start = async (): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  // Ended, not destroyed: closed is a connection only when its client has seen that, too.
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    await Promise.all(Array.from(sockets, (socket) => once(socket.end(), 'close')))
    const closed = once(server, 'close')
    server.close()
    await closed
  }
  await start()
  onTestFinished(stop)
  return {
    url: `http://127.0.0.1:${port}`,
    get requests() {
      return state.requests
    },
    get abandoned() {
      return state.abandoned
    },
    get ready() {
      return state.ready
    },
    set ready(value) {
      state.ready = value
    },
    script: (...behaviours) => void planned.push(...behaviours),
    clear: () => void planned.splice(0),
    always: (behaviour) => {
      standing = behaviour
    },
    release: () => {
      for (const answer of hanging.splice(0)) answer()
    },
    onReadyAsked: (call) => void asked.push(call),
    stop,
    start,
  }
}
