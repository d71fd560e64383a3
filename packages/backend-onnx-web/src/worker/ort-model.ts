import type { ModelDescription } from '@tensorferry/onnx-shared/model-description'
import type { OrtOutput, OrtTensor } from '@tensorferry/onnx-shared/ort-tensor'
import type { InferenceSession } from 'onnxruntime-web'
import type { LoadRequest } from '../messages.ts'

/** What of onnxruntime-web is used, from whichever of its builds. */
export type Ort = Pick<typeof import('onnxruntime-web'), 'env' | 'InferenceSession'>

/** Errors reach the caller as errors; the runtime prints nothing besides. */
const FATAL_ONLY = 4
const QUIETLY = { logSeverityLevel: FATAL_ONLY } as const

/** A provider that does not work here, and why. */
export class ProviderRefused extends Error {}

/** A model inside ONNX Runtime, on the thread that made it. */
export interface OrtModel {
  readonly description: ModelDescription
  run(feeds: Record<string, OrtTensor>): Promise<Readonly<Record<string, OrtOutput>>>
  release(): Promise<void>
}

/** What it says of a size that varies and has no name: -1, read as unsigned. */
const UNNAMED = 0xffff_ffff

function describe(metadata: readonly InferenceSession.ValueMetadata[]): ModelDescription['inputs'] {
  return metadata.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: value.shape.map((size) => (size === UNNAMED ? '' : size)) }
      : { name: value.name, type: null, shape: [] },
  )
}

/** Says why a provider cannot work here, without loading anything; null: it may. */
export type FindObstacle = (provider: string) => Promise<string | null>

/**
 * Loads a model on this thread.
 *
 * @param findObstacle - where there are other providers than `wasm`
 * @throws ProviderRefused when the provider does not work here; else what ONNX Runtime throws
 */
export async function loadOrtModel(ort: Ort, request: LoadRequest, findObstacle?: FindObstacle): Promise<OrtModel> {
  const { provider, runtime, threads, data, graphOptimization, outputs } = request
  const obstacle = await findObstacle?.(provider.name)
  if (obstacle) throw new ProviderRefused(obstacle)
  const { env } = ort
  env.logLevel = 'fatal'
  env.wasm.numThreads = threads
  env.wasm.wasmPaths = { wasm: runtime.wasm, ...(runtime.script === null ? {} : { mjs: runtime.script }) }
  const session = await ort.InferenceSession.create(data.model, {
    executionProviders: [provider],
    externalData: [...data.externalData],
    graphOptimizationLevel: graphOptimization,
    logSeverityLevel: FATAL_ONLY,
  })
  // Names cost a look-up each; without, all are computed.
  const isSome = outputs !== null && outputs.length < session.outputNames.length
  return {
    description: {
      version: env.versions.web ?? env.versions.common,
      provider: provider.name,
      inputs: describe(session.inputMetadata),
      outputs: describe(session.outputMetadata),
    },
    run(tensors) {
      const feeds = tensors as unknown as InferenceSession.FeedsType
      const results = isSome ? session.run(feeds, outputs, QUIETLY) : session.run(feeds, QUIETLY)
      return results as unknown as Promise<Record<string, OrtOutput>>
    },
    release: () => session.release(),
  }
}
