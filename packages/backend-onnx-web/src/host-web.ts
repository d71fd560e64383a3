import type { Build, Host } from './host.ts'
import type { Reply } from './messages.ts'

const SINGLE_THREADED =
  'one thread: the page is not cross-origin isolated; for more, serve it with the headers ' +
  'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp'

/** Name, and where it lies, written out one by one: bundlers look for exactly this, and copy each file as it is. */
const FILES = {
  cpu: {
    worker: ['worker.js', () => new URL('./worker.js', import.meta.url)],
    script: ['ort-wasm.js', () => new URL('./ort-wasm.js', import.meta.url)],
    wasm: ['ort-wasm.wasm', () => new URL('./ort-wasm.wasm', import.meta.url)],
  },
  gpu: {
    worker: ['worker-gpu.js', () => new URL('./worker-gpu.js', import.meta.url)],
    script: ['ort-wasm-gpu.js', () => new URL('./ort-wasm-gpu.js', import.meta.url)],
    wasm: ['ort-wasm-gpu.wasm', () => new URL('./ort-wasm-gpu.wasm', import.meta.url)],
  },
} as const

function urlOf(build: Build, file: 'worker' | 'script' | 'wasm', assets: string | null): string {
  const [name, beside] = FILES[build][file]
  return assets === null ? beside().href : new URL(name, new URL(assets, location.href)).href
}

/** Pages and web workers. */
export const host: Host = {
  get obstacle() {
    if (typeof Worker === 'function') return null
    return {
      reason: 'no workers can be started here, as in a service worker',
      hint: 'import onnxServiceWorker from @tensorferry/backend-onnx-web/service-worker',
    }
  },
  get cores() {
    return navigator.hardwareConcurrency || 1
  },
  get singleThreaded() {
    return globalThis.crossOriginIsolated ? null : SINGLE_THREADED
  },
  builds: ['cpu', 'gpu'],
  runtimeFiles: (build, assets) => ({ script: urlOf(build, 'script', assets), wasm: urlOf(build, 'wasm', assets) }),
  newLock: () => (navigator.locks ? `tensorferry-worker-${crypto.randomUUID()}` : null),
  startWorker(build, assets, { onReply, onDeath }) {
    const url = urlOf(build, 'worker', assets)
    const worker = new Worker(url, { type: 'module', name: 'tensorferry-onnx' })
    let lock: string | null = null
    let hasAnswered = false
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      // An ended worker's lock comes free: no event tells of one that was killed or closed itself.
      if (data.type === 'started') navigator.locks?.request(lock!, () => onDeath('it was ended'))
      hasAnswered = true
      onReply(data)
    }
    worker.onerror = (event) => {
      event.preventDefault()
      if (hasAnswered) onDeath(event.message || 'it threw an error', event.error)
      else
        onDeath(
          `${url} could not be loaded (${event.message || 'the browser does not say why'}); copy the files of this ` +
            'package’s dist beside the app’s own, or pass their folder as assets, and see the page’s Content-Security-Policy',
        )
    }
    worker.onmessageerror = () => onDeath('a message could not be read')
    return {
      post(message, transfer) {
        if (message.type === 'start') lock = message.lock
        worker.postMessage(message, transfer)
      },
      keepAlive: () => undefined,
      async terminate() {
        worker.terminate()
      },
    }
  },
}
