import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { workerFlags } from '@tensorferry/core/node'
import type { Host } from './host.ts'
import type { Reply } from './messages.ts'

/** Node, Bun and Deno: WebAssembly alone, in a worker thread. */
export const host: Host = {
  obstacle: null,
  cores: availableParallelism(),
  singleThreaded: null,
  builds: ['cpu'],
  runtimeFiles(_, assets) {
    const base = assets ?? import.meta.url
    return { script: new URL('./ort-wasm.js', base).href, wasm: new URL('./ort-wasm.wasm', base).href }
  },
  newLock: () => null,
  startWorker(_, assets, { onReply, onDeath }) {
    const worker = new Worker(new URL('./worker-node.js', assets ?? import.meta.url), {
      name: 'tensorferry-onnx',
      execArgv: workerFlags(),
    })
    worker.on('message', (reply: Reply) => onReply(reply))
    worker.on('error', (error) => onDeath(error.message, error))
    worker.on('exit', (code) => onDeath(`it ended by itself with code ${code}`))
    worker.unref()
    return {
      post: (message, transfer) => worker.postMessage(message, transfer),
      keepAlive: (alive) => (alive ? worker.ref() : worker.unref()),
      async terminate() {
        await worker.terminate()
      },
    }
  },
}
