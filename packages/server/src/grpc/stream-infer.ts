import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { ModelInferRequest, ModelInferResponse } from '@tensorferry/inference-protocol/grpc-messages'
import type { ServerContext } from '../context.ts'
import type { IncomingCall } from './call.ts'
import { infer } from './infer.ts'
import { GrpcRefusal, statusOf } from './status.ts'
import { headersOf } from './unary.ts'

/** One message of the answer: an error, or a response. */
interface StreamResponse {
  readonly error_message: string
  readonly infer_response: Partial<ModelInferResponse>
}
type Stream = ServerDuplexStream<ModelInferRequest, StreamResponse>

/** Requests of a stream that are worked on, or whose replies its client has not taken; then it is not read any further. */
const MOST_AT_ONCE = 16

/**
 * Streams of `ModelStreamInfer`: each request is answered once, in the order of the requests. An error answers its own request
 * and the stream goes on.
 */
export class InferStreams {
  readonly #context: ServerContext
  readonly #admit: (call: IncomingCall) => void
  readonly #open = new Set<OpenStream>()

  /** @param admit - throws when the caller may not */
  constructor(context: ServerContext, admit: (call: IncomingCall) => void) {
    this.#context = context
    this.#admit = admit
  }

  /** The handler of the method. */
  readonly handle = (stream: Stream): void => {
    try {
      this.#admit(stream)
    } catch (error) {
      stream.emit('error', statusOf(error).object)
      return
    }
    const open = new OpenStream(this.#context, stream, () => this.#open.delete(open))
    this.#open.add(open)
  }

  /** Answers what was read, and ends the streams with `UNAVAILABLE`. */
  close(): void {
    for (const open of this.#open) open.close()
  }
}

class OpenStream {
  readonly #context: ServerContext
  readonly #stream: Stream
  readonly #cancel = new AbortController()
  #last: Promise<void> = Promise.resolve()
  #unanswered = 0
  #isClosing = false

  constructor(context: ServerContext, stream: Stream, onEnd: () => void) {
    this.#context = context
    this.#stream = stream
    const leave = (): void => {
      this.#cancel.abort()
      onEnd()
    }
    stream.on('cancelled', leave)
    stream.on('error', leave)
    stream.on('data', (request: ModelInferRequest) => this.#take(request))
    stream.on('end', async () => {
      await this.#last
      onEnd()
      if (!this.#isClosing) stream.end()
    })
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#stream.pause()
    await this.#last
    const refusal = new GrpcRefusal(status.UNAVAILABLE, 'the server is closing; open the stream on another one')
    if (!this.#cancel.signal.aborted) this.#stream.emit('error', statusOf(refusal).object)
  }

  #take(request: ModelInferRequest): void {
    const answer = this.#answer(request)
    const before = this.#last
    if (++this.#unanswered >= MOST_AT_ONCE) this.#stream.pause()
    this.#last = (async () => {
      const response = await answer
      await before
      await this.#write(response)
      this.#unanswered--
      if (!this.#isClosing) this.#stream.resume()
    })()
  }

  /** Settles once the connection has taken it, which a client that does not read keeps from happening, or the client has left. */
  #write(response: StreamResponse): Promise<void> {
    const { signal } = this.#cancel
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
      this.#stream.write(response, done)
    })
  }

  /** Never throws: a stream outlives its requests' errors. */
  async #answer(request: ModelInferRequest): Promise<StreamResponse> {
    const stream = this.#stream
    const observed = this.#context.observer.start({
      protocol: 'grpc',
      operation: 'stream_infer',
      headers: headersOf(stream.metadata),
    })
    try {
      const response = await infer(this.#context, observed, stream, request, this.#cancel.signal)
      observed.end('OK', 'OK')
      // Each response is its request's last one: the mark that clients of decoupled models ask for.
      const parameters = { triton_final_response: { bool_param: true } }
      return { error_message: '', infer_response: { ...response, parameters } }
    } catch (error) {
      const { object, code } = statusOf(error)
      observed.end(code, status[object.code]!)
      return { error_message: object.details, infer_response: { model_name: request.model_name, id: request.id } }
    }
  }
}
