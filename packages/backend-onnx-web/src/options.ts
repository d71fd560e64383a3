import { anything, type Check, OptionChecker, oneOf, wholeFrom } from '@tensorferry/onnx-shared/check-options'

const PROVIDER_KEYS = {
  wasm: [],
  webgpu: ['preferredLayout'],
  webnn: ['deviceType', 'powerPreference'],
} as const satisfies Record<string, readonly string[]>

const GRAPH_OPTIMIZATIONS = ['disabled', 'basic', 'extended', 'layout', 'all'] as const

/** Where ONNX Runtime computes: WebAssembly on the CPU, the GPU by WebGPU, or what the system offers by WebNN. */
export type ProviderName = keyof typeof PROVIDER_KEYS

/** A provider with settings of its own. */
export interface ProviderOptions {
  readonly name: ProviderName
  /** `webgpu` */
  readonly preferredLayout?: 'NCHW' | 'NHWC'
  /** `webnn` */
  readonly deviceType?: 'cpu' | 'gpu' | 'npu'
  /** `webnn` */
  readonly powerPreference?: 'default' | 'low-power' | 'high-performance'
}

/** A provider by name, or with settings. */
export type Provider = ProviderName | ProviderOptions

/** How far ONNX Runtime rewrites the graph at load. */
export type GraphOptimization = (typeof GRAPH_OPTIMIZATIONS)[number]

/** Options of {@link onnxWeb}. */
export interface OnnxWebOptions {
  /** One provider, or several to try in this order, each alone; `session.runtime.provider` says which one runs. Default `wasm`. */
  readonly provider?: Provider | readonly Provider[]
  /**
   * Threads of one run on `wasm`. Default: the cores, at most 4, where the page is cross-origin isolated, else 1;
   * `session.runtime.warnings` says how to get there.
   */
  readonly threads?: number
  /**
   * What becomes of a run whose caller has left. `finish` (default): it ends unseen, and the next run waits for it.
   * `terminate`: its worker is ended at once, and the next run starts a new one, which loads the model again.
   */
  readonly cancellation?: 'finish' | 'terminate'
  /**
   * URL of a folder with the files of this package's `dist` (`worker.js`, `ort-wasm.js`, `ort-wasm.wasm`, ...), of the page's
   * own origin. Default: beside this module, where Vite and webpack put them.
   */
  readonly assets?: string | URL
  /** Default `all`. */
  readonly graphOptimization?: GraphOptimization
}

/** {@link OnnxWebOptions} checked, with the defaults filled in. */
export interface ResolvedOptions {
  readonly providers: readonly ProviderOptions[]
  /** null: as many as make sense. */
  readonly threads: number | null
  readonly cancellation: 'finish' | 'terminate'
  /** Ends in `/`; null: beside the module. */
  readonly assets: string | null
  readonly graphOptimization: GraphOptimization
}

/** What is expected of each option. */
export const OPTION_CHECKS: Record<keyof OnnxWebOptions, Check> = {
  provider: anything,
  threads: wholeFrom(1),
  cancellation: oneOf(['finish', 'terminate']),
  assets: (value) => (typeof value === 'string' || value instanceof URL ? null : 'a URL'),
  graphOptimization: oneOf(GRAPH_OPTIMIZATIONS),
}
const PROVIDER_CHECKS: Record<keyof ProviderOptions, Check> = {
  name: oneOf(Object.keys(PROVIDER_KEYS)),
  preferredLayout: oneOf(['NCHW', 'NHWC']),
  deviceType: oneOf(['cpu', 'gpu', 'npu']),
  powerPreference: oneOf(['default', 'low-power', 'high-performance']),
}

const checker = new OptionChecker('onnxWeb')

/**
 * Checks options and fills in the defaults.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown name or a wrong value
 */
export function resolveOptions(options: OnnxWebOptions = {}): ResolvedOptions {
  checker.check('', options, OPTION_CHECKS)
  const { provider = 'wasm', threads = null, cancellation = 'finish', assets, graphOptimization = 'all' } = options
  const providers = checker.providers<ProviderOptions>(provider, PROVIDER_KEYS, PROVIDER_CHECKS)
  const folder = assets === undefined ? null : `${assets}/`.replace(/\/+$/, '/')
  return { providers, threads, cancellation, assets: folder, graphOptimization }
}
