import type { Host } from './host.ts'
import type { Reply } from './messages.ts'
import { serve } from './worker/serve.ts'

/**
 * Runs on the thread that calls, for places that cannot start workers.
 *
 * @param ort - a build of ONNX Runtime whose script is part of this one
 * @param wasm - address of its WebAssembly
 */
export function inlineHost(ort: Parameters<typeof serve>[0], wasm: (assets: string | null) => string): Host {
  return {
    obstacle: null,
    cores: 1,
    singleThreaded: 'one thread: a service worker cannot start others; run the model in the page for more',
    builds: ['cpu'],
    runtimeFiles: (_, assets) => ({ script: null, wasm: wasm(assets) }),
    newLock: () => null,
    startWorker(_, __, { onReply }) {
      let isEnded = false
      const handle = serve(ort, (reply: Reply) => {
        if (!isEnded) onReply(reply)
      })
      return {
        // As if by a message: whoever posts has returned before the work begins.
        post: (message) => void Promise.resolve().then(() => handle(message)),
        keepAlive: () => undefined,
        async terminate() {
          if (isEnded) return
          isEnded = true
          await handle.release()
        },
      }
    },
  }
}
