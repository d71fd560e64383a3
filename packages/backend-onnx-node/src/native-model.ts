import { TensorferryError } from '@tensorferry/core'
import { requireFrom } from '@tensorferry/core/node'
import type { RefusedProvider, ValueDescription } from '@tensorferry/onnx-shared/model-description'
import type { OrtOutput, OrtTensor } from '@tensorferry/onnx-shared/ort-tensor'
import type { InferenceSession } from 'onnxruntime-node'
import { mapError, withoutSourceLine } from './map-error.ts'
import type { LoadedModel, ModelData } from './messages.ts'
import type { ProviderOptions, ResolvedOptions } from './options.ts'
import { findUnsupportedType } from './unsupported-types.ts'

type Ort = typeof import('onnxruntime-node')

/** ONNX Runtime must find nothing here: a model given as bytes would read external data from the current folder. */
const NO_FOLDER = '/nonexistent'
/** Errors reach the caller as errors; the runtime prints nothing besides. */
const FATAL_ONLY = 4

/** A model inside ONNX Runtime, on the thread that made it. */
export interface NativeModel {
  readonly description: LoadedModel
  /** Outputs by name, only those asked for at load. */
  run(feeds: Record<string, OrtTensor>): Promise<Readonly<Record<string, OrtOutput>>>
  release(): Promise<void>
}

/**
 * Loads onnxruntime-node on this thread.
 *
 * @param path - absolute, of its entry
 * @throws TensorferryError `BACKEND_UNAVAILABLE`
 */
export function loadRuntime(path: string): Ort {
  try {
    return requireFrom(path)(path) as Ort
  } catch (error) {
    throw mapError(error, 'start')
  }
}

/** ONNX Runtime fixes its process-wide log level when the first session of a process is made; a global, so it is put back. */
async function quietly<T>(runtime: Ort, work: () => Promise<T>): Promise<T> {
  const before = runtime.env.logLevel
  runtime.env.logLevel = 'fatal'
  try {
    return await work()
  } finally {
    runtime.env.logLevel = before ?? 'warning'
  }
}

function sessionOptions(
  data: ModelData,
  options: ResolvedOptions,
  provider: ProviderOptions,
): InferenceSession.SessionOptions {
  const external = data.externalData.length > 0 ? { externalData: [...data.externalData] } : {}
  const isolated =
    typeof data.model === 'string'
      ? {}
      : { extra: { session: { model_external_initializers_file_folder_path: NO_FOLDER } } }
  return {
    ...options.sessionOptions,
    ...external,
    ...isolated,
    executionProviders: [provider as InferenceSession.ExecutionProviderConfig],
    intraOpNumThreads: options.threads,
    graphOptimizationLevel: options.graphOptimization,
    logSeverityLevel: FATAL_ONLY,
  }
}

function describe(metadata: readonly InferenceSession.ValueMetadata[]): ValueDescription[] {
  return metadata.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: [...value.shape] }
      : { name: value.name, type: null, shape: [] },
  )
}

/** Tries the providers one by one, each alone: ONNX Runtime given a list says neither which one runs nor why one was passed over. */
async function openSession(
  runtime: Ort,
  path: string,
  data: ModelData,
  options: ResolvedOptions,
): Promise<{ session: InferenceSession; provider: string; refused: RefusedProvider[] }> {
  const refused: RefusedProvider[] = []
  const offered = runtime.listSupportedBackends?.().map(({ name }) => name)
  for (const provider of options.providers) {
    const { name } = provider
    if (offered && name !== 'cpu' && !offered.includes(name)) {
      refused.push({
        provider: name,
        reason: `this build of onnxruntime-node has none of that name, it has ${offered.join(', ')}`,
      })
      continue
    }
    const settings = sessionOptions(data, options, provider)
    try {
      const session = await runtime.InferenceSession.create(data.model as string & Uint8Array, settings)
      return { session, provider: name, refused }
    } catch (error) {
      // On the CPU a failure is the model's own; elsewhere it may be the provider's.
      if (name === 'cpu') throw findUnsupportedType(error, path, data, settings) ?? mapError(error, 'load')
      refused.push({
        provider: name,
        reason: withoutSourceLine(error instanceof Error ? error.message : String(error)),
      })
    }
  }
  const reasons = refused.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
  const listed = refused.map(({ provider }) => `'${provider}'`).join(', ')
  throw new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `none of the providers works here (${reasons}); to fall back, end the list with 'cpu': provider: [${listed}, 'cpu']`,
    { details: { refused } },
  )
}

/**
 * Loads a model on this thread. Blocks it while ONNX Runtime reads and optimizes.
 *
 * @param path - absolute, of onnxruntime-node's entry
 * @param outputs - names to compute; null: all of the model's
 * @throws TensorferryError see `map-error.ts`
 */
export async function loadNativeModel(
  path: string,
  data: ModelData,
  options: ResolvedOptions,
  outputs: readonly string[] | null,
): Promise<NativeModel> {
  const runtime = loadRuntime(path)
  const { session, provider, refused } = await quietly(runtime, () => openSession(runtime, path, data, options))
  // Names cost a look-up each; without, all are computed.
  const isSome = outputs !== null && outputs.length < session.outputNames.length
  return {
    description: {
      version: runtime.env.versions.node ?? runtime.env.versions.common,
      provider,
      refused,
      inputs: describe(session.inputMetadata),
      outputs: describe(session.outputMetadata),
    },
    run(tensors) {
      const feeds = tensors as unknown as InferenceSession.FeedsType
      const results = isSome ? session.run(feeds, outputs) : session.run(feeds)
      return results as unknown as Promise<Record<string, OrtOutput>>
    },
    release: () => session.release(),
  }
}
