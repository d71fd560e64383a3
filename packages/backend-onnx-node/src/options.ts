import { availableParallelism } from 'node:os'
import { nearestName } from '@tensorferry/core/names'
import { anything, type Check, isType, OptionChecker, oneOf, wholeFrom } from '@tensorferry/onnx-shared/check-options'

const PROVIDER_KEYS = {
  cpu: [],
  cuda: ['deviceId'],
  tensorrt: ['deviceId'],
  dml: ['deviceId'],
  coreml: ['coreMlFlags'],
  webgpu: ['preferredLayout', 'validationMode', 'storageBufferCacheMode'],
  qnn: ['backendType', 'backendPath', 'enableFp16Precision'],
} as const satisfies Record<string, readonly string[]>

const GRAPH_OPTIMIZATIONS = ['disabled', 'basic', 'extended', 'layout', 'all'] as const
const EXECUTIONS = ['worker', 'inline'] as const

/** Execution providers that some build of onnxruntime-node knows. The npm package has `cpu`, and `webgpu` where the machine has an adapter. */
export type ProviderName = keyof typeof PROVIDER_KEYS

/** A provider with settings of its own. */
export interface ProviderOptions {
  readonly name: ProviderName
  /** `cuda`, `tensorrt`, `dml`: which device; 0 is the first. */
  readonly deviceId?: number
  /** `coreml`: bit flags of CoreML's provider. */
  readonly coreMlFlags?: number
  /** `webgpu` */
  readonly preferredLayout?: 'NCHW' | 'NHWC'
  /** `webgpu` */
  readonly validationMode?: 'disabled' | 'wgpuOnly' | 'basic' | 'full'
  /** `webgpu` */
  readonly storageBufferCacheMode?: string
  /** `qnn` */
  readonly backendType?: string
  /** `qnn` */
  readonly backendPath?: string
  /** `qnn` */
  readonly enableFp16Precision?: boolean
}

/** A provider by name, or with settings. */
export type Provider = ProviderName | ProviderOptions

/** How far ONNX Runtime rewrites the graph at load. */
export type GraphOptimization = (typeof GRAPH_OPTIMIZATIONS)[number]

/** Settings of ONNX Runtime that are passed on as they are. */
export interface SessionOptions {
  /** Keep freed tensors for the next run. Default true: faster, more memory. */
  readonly enableCpuMemArena?: boolean
  /** Plan memory from earlier runs of the same shapes. Default true. */
  readonly enableMemPattern?: boolean
  /** Run independent nodes one after the other, or side by side. Default `sequential`. */
  readonly executionMode?: 'sequential' | 'parallel'
  /** Threads across nodes; only used with `parallel`. */
  readonly interOpNumThreads?: number
}

/** Options of {@link onnxNode}. */
export interface OnnxNodeOptions {
  /**
   * `worker` (default): the model runs in worker threads and the event loop stays free.
   * `inline`: on the caller's thread, for models that take less than a millisecond.
   */
  readonly execution?: 'worker' | 'inline'
  /** Copies of the model, each in a worker of its own and with its own memory; as many runs can be in progress. Default 1. */
  readonly replicas?: number
  /** Threads of one run. Default: the cores divided by `replicas`; 1 for `inline`. */
  readonly threads?: number
  /** One provider, or several to try in this order, each alone; `session.runtime.provider` says which one runs. Default `cpu`. */
  readonly provider?: Provider | readonly Provider[]
  /** Default `all`. */
  readonly graphOptimization?: GraphOptimization
  /** Passed on to ONNX Runtime. */
  readonly sessionOptions?: SessionOptions
}

/** {@link OnnxNodeOptions} checked, with the defaults filled in. Plain data: goes to the workers. */
export interface ResolvedOptions {
  readonly execution: 'worker' | 'inline'
  readonly replicas: number
  readonly threads: number
  readonly providers: readonly ProviderOptions[]
  readonly graphOptimization: GraphOptimization
  readonly sessionOptions: SessionOptions
}

const OPTION_CHECKS: Record<keyof OnnxNodeOptions, Check> = {
  execution: oneOf(EXECUTIONS),
  replicas: wholeFrom(1),
  threads: wholeFrom(1),
  provider: anything,
  graphOptimization: oneOf(GRAPH_OPTIMIZATIONS),
  sessionOptions: anything,
}
const SESSION_OPTION_CHECKS: Record<keyof SessionOptions, Check> = {
  enableCpuMemArena: isType('boolean'),
  enableMemPattern: isType('boolean'),
  executionMode: oneOf(['sequential', 'parallel']),
  interOpNumThreads: wholeFrom(1),
}
const PROVIDER_CHECKS: Record<keyof ProviderOptions, Check> = {
  name: oneOf(Object.keys(PROVIDER_KEYS)),
  deviceId: wholeFrom(0),
  coreMlFlags: wholeFrom(0),
  preferredLayout: oneOf(['NCHW', 'NHWC']),
  validationMode: oneOf(['disabled', 'wgpuOnly', 'basic', 'full']),
  storageBufferCacheMode: isType('string'),
  backendType: isType('string'),
  backendPath: isType('string'),
  enableFp16Precision: isType('boolean'),
}

const checker: OptionChecker = new OptionChecker('onnxNode', nearestName)

/**
 * Checks options and fills in the defaults.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown name (with the nearest right one) or a wrong value
 */
export function resolveOptions(options: OnnxNodeOptions = {}): ResolvedOptions {
  checker.check('', options, OPTION_CHECKS)
  const { execution = 'worker', graphOptimization = 'all', sessionOptions = {}, provider = 'cpu' } = options
  checker.check('sessionOptions', sessionOptions, SESSION_OPTION_CHECKS)
  const providers = checker.providers<ProviderOptions>(provider, PROVIDER_KEYS, PROVIDER_CHECKS)
  if (execution === 'inline' && options.replicas !== undefined && options.replicas !== 1) {
    checker.refuse(
      `replicas: an inline model has no copies, got ${options.replicas}; leave it out or use execution 'worker'`,
      { option: 'replicas' },
    )
  }
  const replicas = options.replicas ?? 1
  const threads =
    options.threads ?? (execution === 'inline' ? 1 : Math.max(1, Math.floor(availableParallelism() / replicas)))
  return { execution, replicas, threads, providers, graphOptimization, sessionOptions: { ...sessionOptions } }
}
