import { TensorferryError, throwIfAborted } from '@tensorferry/core'
import type { ModelDescription, RefusedProvider } from '@tensorferry/onnx-shared/model-description'
import { errorOf } from '@tensorferry/onnx-shared/problem'
import type { Host } from './host.ts'
import type { LoadRequest } from './messages.ts'
import type { ModelFiles } from './model-files.ts'
import type { ProviderOptions, ResolvedOptions } from './options.ts'
import { RequestFailed, WorkerClient } from './worker-client.ts'

/** Words for providers that cannot be used. */
const problems = () => import('./refuse-provider.ts')

/** More of them rarely make a run faster, and each takes a worker. */
const MOST_THREADS = 4

/** A worker with the model in it. */
export interface Loaded {
  readonly client: WorkerClient
  readonly description: ModelDescription
  readonly threads: number
}

/** What is loaded, and how. */
export interface LoadJob {
  readonly host: Host
  readonly files: ModelFiles
  readonly options: ResolvedOptions
  /** Names to compute; null: all of the model's. */
  readonly outputs: readonly string[] | null
}

function threadsOf({ host, options }: LoadJob, provider: ProviderOptions): number {
  if (provider.name !== 'wasm' || host.singleThreaded !== null) return 1
  return options.threads ?? Math.min(host.cores, MOST_THREADS)
}

/**
 * Loads a model with one provider into a worker of its own.
 *
 * @param signal - ends the worker at once
 * @throws TensorferryError what the runtime said, or why there is no worker
 */
export async function loadIntoWorker(job: LoadJob, provider: ProviderOptions, signal: AbortSignal): Promise<Loaded> {
  const { host, options, outputs } = job
  const build = provider.name === 'wasm' ? 'cpu' : 'gpu'
  if (!host.builds.includes(build)) throw errorOf((await problems()).onlyWasm())
  const client = await WorkerClient.start(host, build, options.assets, signal)
  try {
    const data = await job.files.open()
    throwIfAborted({ signal })
    const threads = threadsOf(job, provider)
    const { graphOptimization } = options
    const runtime = host.runtimeFiles(build, options.assets)
    const request: LoadRequest = { data, runtime, provider, threads, graphOptimization, outputs }
    const buffers = [data.model.buffer, ...data.externalData.map((external) => external.data.buffer)]
    const { description } = await client.send({ type: 'load', ...request }, buffers)
    return { client, description, threads }
  } catch (error) {
    await client.terminate()
    throw error instanceof RequestFailed ? error.error : error
  }
}

/**
 * Tries the providers one by one, each alone in a new worker: what a refused one has loaded goes away with it.
 *
 * @throws TensorferryError `BACKEND_UNAVAILABLE` with every reason; on `wasm` the model's own error
 */
export async function loadWithProviders(
  job: LoadJob,
  signal: AbortSignal,
): Promise<Loaded & { readonly provider: ProviderOptions; readonly refused: readonly RefusedProvider[] }> {
  const refused: RefusedProvider[] = []
  for (const provider of job.options.providers) {
    try {
      return { ...(await loadIntoWorker(job, provider, signal)), provider, refused }
    } catch (error) {
      // On the CPU a failure is the model's own; elsewhere it may be the provider's.
      if (provider.name === 'wasm' || !TensorferryError.is(error)) throw error
      throwIfAborted({ signal })
      refused.push({ provider: provider.name, reason: error.message })
    }
  }
  throw errorOf((await problems()).noneWorks(refused))
}
