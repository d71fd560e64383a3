import { availableParallelism } from 'node:os'
import { TensorferryError } from '@tensorferry/core'
import { nearestName, unknownName } from '@tensorferry/core/names'

/** Options of {@link libtorch}. */
export interface LibtorchOptions {
  /**
   * The libtorch to use: a torch root (pip's `site-packages/torch`, the folder of pytorch.org's archive, `/usr`) or a
   * virtual environment with torch. Default: `LIBTORCH`, the active virtual environment, `python3`, the system.
   */
  readonly libtorch?: string
  /** Threads of one run. Default: the cores divided by `replicas`. */
  readonly threads?: number
  /**
   * Runs that may be in progress, each on a native thread of its own; TorchScript's weights are shared. Default 1, and
   * always 1 for a model that keeps state inside.
   */
  readonly replicas?: number
  /** `cpu` (default), `cuda`, `cuda:1`, `mps`. */
  readonly device?: string
  /**
   * TorchScript: a device that the model's code or attributes name, such as the `cuda:0` of a trace made on a GPU, is read
   * as `device`. The file is read into memory for it. Default false.
   */
  readonly mapDevices?: boolean
  /** TorchScript: fold weights into the code. Faster for small models; attributes go. Default false. */
  readonly freeze?: boolean
  /** TorchScript: freeze, fuse and choose layouts for inference. Results may differ in the last bits. Default false. */
  readonly optimizeForInference?: boolean
  /** Runs with zeros at load, of the smallest sizes that the signature allows. Default 2; needs a signature. */
  readonly warmup?: number
  /**
   * AOTInductor `.pt2` files are native code: say that they may run, or pin the one that may by its sha256 (hex). TorchScript
   * files need it only where they use more than arithmetic on tensors: files, other processes, classes of C++, operators of
   * `libraries`.
   */
  readonly trust?: 'native-code' | { readonly sha256: string | readonly string[] }
  /**
   * Native code, compiled models and `libraries`, is loaded and run once in a process of its own first: a fault in it is
   * then `BACKEND_UNAVAILABLE`, not the end of this process. What went well is noted in the cache folder and not tried
   * again. Default: of `libraries`, and of compiled models where libtorch is a build for CUDA without an NVIDIA driver.
   */
  readonly trial?: boolean
  /**
   * TorchScript: shared libraries that register operators of their own, opened in this order after libtorch and before the
   * model. Each is native code that runs with all rights of the process: a file with another sha256 (hex) is refused.
   */
  readonly libraries?: readonly { readonly path: string; readonly sha256: string }[]
  /** Do not copy inputs: the caller promises not to change their arrays until the run has settled. Default false. */
  readonly borrowInputs?: boolean
  /** Runs wait until all runs in progress of this thread's sessions have cores for their threads. Default true. */
  readonly waitForCores?: boolean
  /**
   * Milliseconds that `dispose` waits for TorchScript in progress, which cannot be interrupted; then the run rejects with
   * `SESSION_DISPOSED`, and its thread is left until it ends. Default 30,000.
   */
  readonly disposeMs?: number
}

/** {@link LibtorchOptions} checked, with the defaults filled in. */
export interface ResolvedOptions {
  readonly libtorch: string | null
  readonly threads: number
  readonly replicas: number
  readonly device: string
  readonly mapDevices: boolean
  readonly freeze: boolean
  readonly optimizeForInference: boolean
  readonly warmup: number
  readonly trust: 'native-code' | { readonly sha256: readonly string[] } | null
  readonly trial: boolean | null
  readonly libraries: readonly { readonly path: string; readonly sha256: string }[]
  readonly borrowInputs: boolean
  readonly waitForCores: boolean
  readonly disposeMs: number
}

type Check = (value: unknown) => string | null

const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'a boolean')
const wholeFrom =
  (min: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= 4096
      ? null
      : `a whole number from ${min} to 4096`
const SHA256 = /^[0-9a-f]{64}$/i
const trust: Check = (value) => {
  if (value === 'native-code') return null
  const given = (value as { sha256?: unknown } | null)?.sha256
  const hashes = Array.isArray(given) ? given : [given]
  const fits = hashes.length > 0 && hashes.every((hash) => typeof hash === 'string' && SHA256.test(hash))
  return fits ? null : `'native-code' or { sha256: 64 hex digits }`
}
const libraries: Check = (value) => {
  const isLibrary = (one: unknown): boolean => {
    const { path, sha256 } = (one ?? {}) as { path?: unknown; sha256?: unknown }
    return typeof path === 'string' && path !== '' && typeof sha256 === 'string' && SHA256.test(sha256)
  }
  return Array.isArray(value) && value.every(isLibrary) ? null : 'a list of { path, sha256: 64 hex digits }'
}
const device: Check = (value) =>
  typeof value === 'string' && /^(cpu|cuda(:\d{1,3})?|mps)$/.test(value) ? null : `'cpu', 'cuda', 'cuda:1' or 'mps'`

const CHECKS: Record<keyof LibtorchOptions, Check> = {
  libtorch: (value) => (typeof value === 'string' && value !== '' ? null : 'a path'),
  threads: wholeFrom(1),
  replicas: wholeFrom(1),
  device,
  mapDevices: boolean,
  freeze: boolean,
  optimizeForInference: boolean,
  warmup: wholeFrom(0),
  trust,
  trial: boolean,
  libraries,
  borrowInputs: boolean,
  waitForCores: boolean,
  disposeMs: wholeFrom(0),
}

function refuse(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('OPTIONS_INVALID', `libtorch: ${message}`, { details })
}

function checkOptions(options: LibtorchOptions): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse(
      `expected an object of options, got ${options === null ? 'null' : Array.isArray(options) ? 'an array' : typeof options}`,
      {},
    )
  }
  const known = Object.keys(CHECKS)
  for (const [option, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, option)) {
      refuse(unknownName('option', option, known), { option, nearest: nearestName(option, known), known })
    }
    const expected = value === undefined ? null : CHECKS[option as keyof LibtorchOptions](value)
    if (expected !== null) {
      refuse(`${option}: expected ${expected}, got ${JSON.stringify(value) ?? String(value)}`, { option })
    }
  }
}

function resolveTrust(given: LibtorchOptions['trust']): ResolvedOptions['trust'] {
  if (given === undefined || given === 'native-code') return given ?? null
  const hashes = typeof given.sha256 === 'string' ? [given.sha256] : given.sha256
  return { sha256: hashes.map((hash) => hash.toLowerCase()) }
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown name (with the nearest right one) or a wrong value
 */
export function resolveOptions(options: LibtorchOptions = {}): ResolvedOptions {
  checkOptions(options)
  const replicas = options.replicas ?? 1
  return {
    libtorch: options.libtorch ?? null,
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / replicas)),
    replicas,
    device: options.device ?? 'cpu',
    mapDevices: options.mapDevices ?? false,
    freeze: options.freeze ?? false,
    optimizeForInference: options.optimizeForInference ?? false,
    warmup: options.warmup ?? 2,
    trust: resolveTrust(options.trust),
    trial: options.trial ?? null,
    libraries: (options.libraries ?? []).map(({ path, sha256 }) => ({ path, sha256: sha256.toLowerCase() })),
    borrowInputs: options.borrowInputs ?? false,
    waitForCores: options.waitForCores ?? true,
    disposeMs: options.disposeMs ?? 30_000,
  }
}
