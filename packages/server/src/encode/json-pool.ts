import { Worker } from 'node:worker_threads'
import { makeTensor, type Tensor, TensorferryError } from '@tensorferry/core'
import { type EncodedReply, encodeInferReply, type InferReply, textWork } from '../protocol/infer-reply.ts'
import { type InferRequest, readInferRequest } from '../protocol/infer-request.ts'
import { buffersOf, type JsonAnswer, type JsonJob, type JsonMessage, type JsonResults, ownBytes } from './json-jobs.ts'
import { ReplyMemory } from './reply-memory.ts'

/** JSON from this size on is parsed in a worker: 1 to 2 ms of the event loop. */
const READ_BYTES = 256 * 1024
/** Numbers of a reply from which on they are written in a worker: about 2 ms of the event loop. */
const WRITE_NUMBERS = 48 * 1024
/** More than the values of any body that is not refused beforehand: who reaches it may take the process with him. */
const WORKER_HEAP_MIB = 2048

interface Waiting {
  resolve(result: never): void
  reject(error: unknown): void
}

/** One thread; started when it is needed, and again when it has died. */
class JsonThread {
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  get pending(): number {
    return this.#waiting.size
  }

  run<K extends JsonJob['kind']>(job: JsonJob & { kind: K }, transfer: ArrayBuffer[]): Promise<JsonResults[K]> {
    this.#worker ??= this.#start()
    const id = ++this.#lastId
    const message: JsonMessage = { id, job }
    return new Promise<JsonResults[K]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker!.postMessage(message, transfer)
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./json-worker.js', import.meta.url), {
      name: 'tensorferry-json',
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
    })
    worker.unref()
    worker.on('message', (answer: JsonAnswer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if ('error' in answer) waiting?.reject(TensorferryError.from(answer.error))
      else waiting?.resolve(answer.result as never)
    })
    worker.on('error', (cause: Error & { code?: string }) => {
      if (this.#worker === worker) this.#worker = null
      const isMemory = cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.#fail(
        isMemory
          ? new TensorferryError('OUT_OF_MEMORY', 'the JSON takes too much memory; send tensors in binary form', {
              cause,
            })
          : new TensorferryError('RUNTIME_FAILED', `the worker for JSON failed: ${cause.message}`, { cause }),
      )
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null
      this.#fail(new TensorferryError('SESSION_DISPOSED', 'the server was closed'))
    })
    return worker
  }

  #fail(error: TensorferryError): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** Reads and writes bodies of inference: small ones at once, large JSON in threads, so that the event loop stays free. */
export class JsonPool {
  readonly #threads: readonly JsonThread[]
  readonly #memory = new ReplyMemory()

  /** @param threads - 0: everything is done at once */
  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, () => new JsonThread())
  }

  /** {@link readInferRequest}. @param body - not to be used again */
  async read(body: Buffer, headerBytes: number | null): Promise<InferRequest> {
    const thread = (headerBytes ?? body.byteLength) >= READ_BYTES ? this.#leastBusy() : null
    if (!thread) return readInferRequest(body, headerBytes)
    const own = ownBytes(body) as Uint8Array<ArrayBuffer>
    const request = await thread.run({ kind: 'read', body: own, headerBytes }, [own.buffer])
    const inputs: Record<string, Tensor> = Object.create(null)
    for (const [name, { dtype, data, shape }] of Object.entries(request.inputs)) {
      inputs[name] = makeTensor(dtype, data as never, shape)
    }
    return { ...request, inputs }
  }

  /** {@link encodeInferReply}; whoever has sent the body calls {@link JsonPool.sent}. @param reply - its tensors are not to be used again */
  async write(reply: InferReply): Promise<EncodedReply> {
    const thread = textWork(reply) >= WRITE_NUMBERS ? this.#leastBusy() : null
    if (!thread) return encodeInferReply(reply, this.#memory.take)
    const outputs = reply.outputs.map((output) => ({ ...output, tensor: withOwnMemory(output.tensor) }))
    return thread.run({ kind: 'write', reply: { ...reply, outputs } }, buffersOf(outputs.map(({ tensor }) => tensor)))
  }

  /** Nobody reads the body of a reply any more. */
  sent({ body }: EncodedReply): void {
    this.#memory.give(body)
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  #leastBusy(): JsonThread | null {
    let best: JsonThread | null = null
    for (const thread of this.#threads) if (best === null || thread.pending < best.pending) best = thread
    return best
  }
}

/** Plain data: a printer that a tensor carries does not cross. */
function withOwnMemory({ dtype, shape, data }: Tensor): Tensor {
  return { dtype, shape, data: dtype === 'string' ? data : ownBytes(data as Float32Array<ArrayBuffer>) } as Tensor
}
