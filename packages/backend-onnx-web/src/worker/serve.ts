import { unpackInputs } from '@tensorferry/onnx-shared/ort-tensor'
import { ownOutputs } from '@tensorferry/onnx-shared/own-outputs'
import type { RawError, Reply, Request } from '../messages.ts'
import { type FindObstacle, loadOrtModel, type Ort, type OrtModel, ProviderRefused } from './ort-model.ts'

type Send = (reply: Reply, transfer: ArrayBuffer[]) => void

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
 * @param findObstacle - where that build has other providers than `wasm`
 */
export function serve(ort: Ort, send: Send, findObstacle?: FindObstacle): Served {
  let model: OrtModel | undefined
  const handle = async (request: Request): Promise<void> => {
    switch (request.type) {
      case 'start':
        if (request.lock !== null) await holdLock(request.lock)
        return send({ type: 'started' }, [])
      case 'load':
        model = await loadOrtModel(ort, request, findObstacle)
        return send({ type: 'loaded', description: model.description }, [])
      case 'run': {
        const { buffer } = request.packed
        const { outputs, buffers } = ownOutputs(await model!.run(unpackInputs(request.packed)))
        return send({ type: 'outputs', outputs, buffer }, [buffer, ...buffers])
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
