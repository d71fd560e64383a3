import type { RawError, Reply, Request } from '../messages.ts'
import { type OrtOutput, unpackInputs } from '../shared.ts'
import { loadOrtModel, type Ort, type OrtModel, ProviderRefused } from './ort-model.ts'

type Send = (reply: Reply, transfer: ArrayBuffer[]) => void

/** Plain data, of which the memory is nobody else's: the runtime may hand out one array under two names. */
function ownOutputs(results: Readonly<Record<string, OrtOutput>>): {
  outputs: Record<string, OrtOutput>
  moved: Set<ArrayBuffer>
} {
  const moved = new Set<ArrayBuffer>()
  const outputs: Record<string, OrtOutput> = {}
  for (const [name, { type, dims, data }] of Object.entries(results)) {
    if (!ArrayBuffer.isView(data)) {
      outputs[name] = { type, dims, data }
      continue
    }
    let { buffer, byteOffset, byteLength } = data
    if (byteLength < buffer.byteLength || moved.has(buffer)) {
      buffer = buffer.slice(byteOffset, byteOffset + byteLength)
      byteOffset = 0
    }
    moved.add(buffer)
    const View = data.constructor as new (buffer: ArrayBuffer) => ArrayBufferView<ArrayBuffer>
    outputs[name] = { type, dims, data: new View(buffer) }
  }
  return { outputs, moved }
}

/** Holds a lock as long as this thread lives. */
function holdLock(name: string): Promise<void> {
  return new Promise((held) => {
    void navigator.locks.request(name, () => {
      held()
      return new Promise(() => {})
    })
  })
}

function rawError(error: unknown): RawError {
  const text = (error instanceof Error ? error.message : String(error)).trim()
  return { text, isOurs: error instanceof ProviderRefused }
}

/** WebAssembly that has trapped or aborted cannot go on; it throws bare numbers too. */
function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  return error instanceof WebAssembly.RuntimeError || /Aborted\(|out of bounds|unreachable/.test(error.message)
}

/** Takes a worker's messages. */
export interface Served {
  (request: Request): Promise<void>
  /** Gives the model back, for a thread that goes on. */
  release(): Promise<void>
}

/**
 * Answers requests one after the other, each with one reply.
 *
 * @param ort - the build of ONNX Runtime that this worker carries
 */
export function serve(ort: Ort, send: Send): Served {
  let model: OrtModel | undefined
  const handle = async (request: Request): Promise<void> => {
    switch (request.type) {
      case 'start':
        if (request.lock !== null) await holdLock(request.lock)
        return send({ type: 'started' }, [])
      case 'load':
        model = await loadOrtModel(ort, request)
        return send({ type: 'loaded', description: model.description }, [])
      case 'run': {
        const { buffer } = request.packed
        const { outputs, moved } = ownOutputs(await model!.run(unpackInputs(request.packed)))
        return send({ type: 'outputs', outputs, buffer }, [buffer, ...moved])
      }
    }
  }
  const answer = async (request: Request): Promise<void> => {
    try {
      await handle(request)
    } catch (error) {
      const reply: Reply = { type: 'failed', error: rawError(error), fatal: isFatal(error) }
      if (request.type === 'run') {
        const { buffer } = request.packed
        send({ ...reply, buffer }, [buffer])
      } else send(reply, [])
    }
  }
  return Object.assign(answer, { release: async () => model?.release() })
}
