import { Worker } from 'node:worker_threads'
import { makeTensor, Queue, type Tensor, TensorferryError } from '@tensorferry/core'
import { workerFlags } from '@tensorferry/core/node'
import { fromCrossing } from '../pipeline/crossing.ts'
import { type EncodedReply, encodeInferReply, type InferReply, textWork } from '../protocol/infer-reply.ts'
import { type InferRequest, readInferRequest } from '../protocol/infer-request.ts'
import { type RawRequest, type RawSpec, readRawRequest } from '../protocol/raw-request.ts'
import { buffersOf, type JsonAnswer, type JsonJob, type JsonResults, ownBytes } from './json-jobs.ts'
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

/** A worker with those that wait for it; it answers them in their order. */
interface StartedThread {
  readonly worker: Worker
  readonly waiting: Queue<Waiting>
}

/** One thread; started when it is needed, and again when it has died. */
class JsonThread {
  #started: StartedThread | null = null

  get pending(): number {
    return this.#started?.waiting.size ?? 0
  }

  run<K extends JsonJob['kind']>(job: JsonJob & { kind: K }, transfer: ArrayBuffer[]): Promise<JsonResults[K]> {
    this.#started ??= this.#start()
    const { worker, waiting } = this.#started
    return new Promise<JsonResults[K]>((resolve, reject) => {
      worker.postMessage(job, transfer)
      waiting.add({ resolve, reject })
    })
  }

  async close(): Promise<void> {
    await this.#started?.worker.terminate()
  }

  #start(): StartedThread {
    const worker = new Worker(new URL('./json-worker.js', import.meta.url), {
      name: 'tensorferry-json',
      execArgv: workerFlags(),
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
    })
    worker.unref()
    const started = { worker, waiting: new Queue<Waiting>() }
    const end = (error: TensorferryError): void => {
      if (this.#started === started) this.#started = null
      for (const { reject } of started.waiting.takeAll()) reject(error)
    }
    worker.on('message', (answer: JsonAnswer) => {
      const asked = started.waiting.take()
      if ('error' in answer) asked?.reject(TensorferryError.from(answer.error))
      else asked?.resolve(answer.result as never)
    })
    worker.on('error', (cause: Error & { code?: string }) => {
      const isMemory = cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
      end(
        isMemory
          ? new TensorferryError('OUT_OF_MEMORY', 'the JSON takes too much memory; send tensors in binary form', {
              cause,
            })
          : new TensorferryError('RUNTIME_FAILED', `the worker for JSON failed: ${cause.message}`, { cause }),
      )
    })
    worker.on('exit', () => end(new TensorferryError('SESSION_DISPOSED', 'the server was closed')))
    return started
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

  /** {@link readRawRequest}. @param body - not to be used again */
  async readRaw(body: Buffer, specs: readonly RawSpec[]): Promise<RawRequest> {
    const thread = body.byteLength >= READ_BYTES ? this.#leastBusy() : null
    if (!thread) return readRawRequest(body, specs)
    const own = ownBytes(body) as Uint8Array<ArrayBuffer>
    const { items, isInstances } = await thread.run({ kind: 'raw', body: own, specs }, [own.buffer])
    return { items: items.map((item) => fromCrossing(item)), isInstances }
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
