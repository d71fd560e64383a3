import type { OnnxWebOptions } from '@tensorferry/backend-onnx-web'

/** Where the network runs. */
export interface ComputeChoice {
  readonly id: string
  readonly title: string
  readonly options: OnnxWebOptions
}

/** As many threads as onnx-web takes on its own. */
const MOST_THREADS = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 1))

/** What this browser may be asked for; whether it works is found by trying. */
export const COMPUTE_CHOICES: readonly ComputeChoice[] = [
  { id: 'wasm-1', title: 'CPU, 1 thread', options: { provider: 'wasm', threads: 1 } },
  ...(MOST_THREADS > 1
    ? [
        {
          id: 'wasm-n',
          title: `CPU, ${MOST_THREADS} threads`,
          options: { provider: 'wasm', threads: MOST_THREADS } as const,
        },
      ]
    : []),
  { id: 'webgpu', title: 'WebGPU', options: { provider: 'webgpu' } },
  { id: 'webnn', title: 'WebNN', options: { provider: 'webnn' } },
]

/** Threads need a page that is cross-origin isolated. */
export function needsIsolation({ id }: ComputeChoice): boolean {
  return id === 'wasm-n'
}

/** What the page begins with. */
export function firstChoice(): ComputeChoice {
  const threaded = COMPUTE_CHOICES.find(needsIsolation)
  return threaded && globalThis.crossOriginIsolated ? threaded : COMPUTE_CHOICES[0]!
}
