import {
  type LoadOptions,
  type SessionSource,
  type Signature,
  throwIfAborted,
  withCallOptions,
} from '@tensorferry/core'
import { findUnsupported } from '@tensorferry/onnx-shared/element-types'
import type { Executor } from '@tensorferry/onnx-shared/executor'
import { ExecutorSession, type SessionFacts } from '@tensorferry/onnx-shared/executor-session'
import { specsOfFile } from '@tensorferry/onnx-shared/file-specs'
import { matchSignature } from '@tensorferry/onnx-shared/match-signature'
import { dtypeOf } from '@tensorferry/onnx-shared/ort-tensor'
import { errorOf } from '@tensorferry/onnx-shared/problem'
import { wrongArtifact } from '@tensorferry/onnx-shared/refusals'
import { findRuntime } from './find-runtime.ts'
import { Inline } from './inline.ts'
import type { LoadedModel, ModelData } from './messages.ts'
import { inspectModelFiles, type ModelFiles } from './model-files.ts'
import { loadNativeModel } from './native-model.ts'
import type { ResolvedOptions } from './options.ts'
import { Pool } from './pool.ts'
import { Replica } from './replica.ts'
import { describeRuntime, type OnnxNodeRuntime, type OnnxNodeSession } from './session.ts'

interface Loaded {
  readonly facts: SessionFacts<OnnxNodeRuntime>
  readonly executor: Executor
}

function buffersOf({ model, externalData }: ModelData): ArrayBuffer[] {
  const buffers = externalData.map(({ data }) => data.buffer)
  return typeof model === 'string' ? buffers : [model.buffer, ...buffers]
}

/** What the session shows, or why this model cannot be used. */
function factsOf(
  description: LoadedModel,
  signature: Signature | undefined,
  options: ResolvedOptions,
): SessionFacts<OnnxNodeRuntime> {
  const computed = signature?.outputs.map(({ name }) => name) ?? null
  const problem =
    (signature && matchSignature(signature, description, dtypeOf)) ??
    findUnsupported(description, computed, 'onnxruntime-node', dtypeOf)
  if (problem) throw errorOf(problem)
  const { inputs, outputs, dims } = signature ?? specsOfFile(description, dtypeOf)
  return { inputs, outputs, dims, runtime: describeRuntime(description, options) }
}

async function loadReplica(
  replica: Replica,
  files: ModelFiles,
  options: ResolvedOptions,
  outputs: readonly string[] | null,
): Promise<LoadedModel> {
  const data = await files.open()
  const reply = await replica.send({ type: 'load', data, options, outputs }, buffersOf(data))
  return (reply as Extract<typeof reply, { type: 'loaded' }>).description
}

async function loadPool(
  files: ModelFiles,
  signature: Signature | undefined,
  options: ResolvedOptions,
  onLoaded: (replicas: number) => void,
): Promise<Loaded> {
  const outputs = signature?.outputs.map(({ name }) => name) ?? null
  let pool: Pool | null = null
  const replicas: Replica[] = []
  const start = (): Replica => {
    const replica = Replica.start((error) => pool?.fail(error))
    replicas.push(replica)
    return replica
  }
  try {
    const description = await loadReplica(start(), files, options, outputs)
    const facts = factsOf(description, signature, options)
    onLoaded(1)
    // The others take the provider that has worked.
    const chosen = { ...options, providers: options.providers.filter(({ name }) => name === description.provider) }
    let loaded = 1
    await Promise.all(
      Array.from({ length: options.replicas - 1 }, async () => {
        await loadReplica(start(), files, chosen, outputs)
        onLoaded(++loaded)
      }),
    )
    pool = new Pool(replicas, facts.inputs)
    return { facts, executor: pool }
  } catch (error) {
    await Promise.all(replicas.map((replica) => replica.close()))
    throw error
  }
}

async function loadInline(
  files: ModelFiles,
  signature: Signature | undefined,
  options: ResolvedOptions,
): Promise<Loaded> {
  const outputs = signature?.outputs.map(({ name }) => name) ?? null
  const model = await loadNativeModel(findRuntime(), await files.open(), options, outputs)
  try {
    const facts = factsOf(model.description, signature, options)
    return { facts, executor: new Inline(model, facts.inputs) }
  } catch (error) {
    await model.release()
    throw error
  }
}

/** Loads a model as the options say; a caller who has left gets nothing, and nothing stays behind. */
export async function createOnnxSession(
  { artifact, signature }: SessionSource,
  options: ResolvedOptions,
  loadOptions: LoadOptions = {},
): Promise<OnnxNodeSession> {
  throwIfAborted(loadOptions)
  if (artifact?.format !== 'onnx') throw errorOf(wrongArtifact('onnx-node', artifact))
  const total = options.replicas
  const report = (loaded: number): void => loadOptions.onProgress?.({ phase: 'load', loaded, total })
  let left = false
  const load = async (): Promise<OnnxNodeSession> => {
    const files = await inspectModelFiles(artifact, signature !== undefined, loadOptions)
    report(0)
    const loading =
      options.execution === 'inline'
        ? loadInline(files, signature, options)
        : loadPool(files, signature, options, report)
    const { facts, executor } = await loading.catch(async (error: unknown) => {
      await files.confirm()
      throw error
    })
    if (options.execution === 'inline') report(1)
    const session = new ExecutorSession(facts, executor)
    try {
      await files.confirm()
    } catch (error) {
      await session.dispose()
      throw error
    }
    // Nobody waits for it any more.
    if (left) await session.dispose()
    return session
  }
  return withCallOptions(loadOptions, load, () => {
    left = true
  })
}
