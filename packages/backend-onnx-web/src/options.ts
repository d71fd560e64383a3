import { TensorferryError } from '@tensorferry/core'

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
  readonly assets: string | null
  readonly graphOptimization: GraphOptimization
}

/** What is expected; null: the value is right. */
type Check = (value: unknown) => string | null

const oneOf =
  (values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? null : `one of ${values.map((name) => JSON.stringify(name)).join(', ')}`

const OPTION_CHECKS: Record<keyof OnnxWebOptions, Check> = {
  provider: () => null,
  threads: (value) => (Number.isSafeInteger(value) && (value as number) >= 1 ? null : 'a whole number, at least 1'),
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

function refuse(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('OPTIONS_INVALID', `onnxWeb: ${message}`, { details })
}

function checkObject(where: string, value: unknown, checks: Record<string, Check>, allowed: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`${where}: expected an object, got ${JSON.stringify(value)}`, {})
  }
  for (const [key, entry] of Object.entries(value)) {
    const option = where ? `${where}.${key}` : key
    if (!allowed.includes(key))
      refuse(`unknown option ${option}; known: ${allowed.join(', ')}`, { option: key, known: allowed })
    const expected = entry === undefined ? null : checks[key]!(entry)
    if (expected !== null) {
      refuse(`${option}: expected ${expected}, got ${JSON.stringify(entry) ?? String(entry)}`, { option: key })
    }
  }
}

function resolveProvider(provider: Provider): ProviderOptions {
  const names = Object.keys(PROVIDER_KEYS)
  const name = typeof provider === 'string' ? provider : (provider as ProviderOptions | null)?.name
  if (typeof name !== 'string' || !Object.hasOwn(PROVIDER_KEYS, name)) {
    refuse(`provider: expected one of ${names.join(', ')}, got ${JSON.stringify(name ?? provider)}`, {
      option: 'provider',
      known: names,
    })
  }
  if (typeof provider === 'string') return { name: provider }
  checkObject(`provider ${name}`, provider, PROVIDER_CHECKS, ['name', ...PROVIDER_KEYS[name]])
  return { ...provider }
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown name or a wrong value
 */
export function resolveOptions(options: OnnxWebOptions = {}): ResolvedOptions {
  checkObject('', options, OPTION_CHECKS, Object.keys(OPTION_CHECKS))
  const { provider = 'wasm', threads = null, cancellation = 'finish', assets, graphOptimization = 'all' } = options
  const providers = (Array.isArray(provider) ? provider : [provider]).map(resolveProvider)
  if (providers.length === 0) {
    refuse('provider: expected at least one provider, got an empty list', { option: 'provider' })
  }
  return { providers, threads, cancellation, assets: assets === undefined ? null : String(assets), graphOptimization }
}
