import {
  type LoadOptions,
  type SessionSource,
  type Signature,
  type TensorSpec,
  throwIfAborted,
  withCallOptions,
} from '@tensorferry/core'
import { ExecutorSession, type SessionFacts, type SessionSpecs } from '@tensorferry/onnx-shared/executor-session'
import type { ModelDescription } from '@tensorferry/onnx-shared/model-description'
import { dtypeOf } from '@tensorferry/onnx-shared/ort-tensor'
import { errorOf } from '@tensorferry/onnx-shared/problem'
import type { Host } from './host.ts'
import { type LoadJob, loadIntoWorker, loadWithProviders } from './load-model.ts'
import { inspectModelFiles } from './model-files.ts'
import type { ResolvedOptions } from './options.ts'
import { RunQueue } from './run-queue.ts'
import type { OnnxWebRuntime, OnnxWebSession } from './session.ts'

/** Whether the model takes and gives what its signature says, or, without one, what the SDK has dtypes for. */
function fits(description: ModelDescription, { inputs, outputs }: SessionSpecs): boolean {
  const matches = (wanted: readonly TensorSpec[], found: ModelDescription['inputs']): boolean =>
    wanted.every(({ name, dtype }) => {
      const type = dtypeOf(found.find((value) => value.name === name)?.type ?? null)
      return type !== null && (dtype === null || dtype === type)
    })
  return (
    inputs.length === description.inputs.length &&
    matches(inputs, description.inputs) &&
    matches(outputs, description.outputs)
  )
}

/** What the session shows, or why this model cannot be used. */
async function factsOf(
  description: ModelDescription,
  signature: Signature | undefined,
  runtime: OnnxWebRuntime,
): Promise<SessionFacts<OnnxWebRuntime>> {
  const specs = signature ?? (await import('@tensorferry/onnx-shared/file-specs')).specsOfFile(description, dtypeOf)
  if (!fits(description, specs)) {
    const problem = (await import('./refuse-model.ts')).whyRefused(description, signature, dtypeOf)
    if (problem) throw errorOf(problem)
  }
  const { inputs, outputs, dims } = specs
  return { inputs, outputs, dims, runtime }
}

async function load(job: LoadJob, signature: Signature | undefined, signal: AbortSignal): Promise<OnnxWebSession> {
  const { host, options } = job
  const { client, description, threads, provider, refused } = await loadWithProviders(job, signal)
  try {
    // WebNN's own default is the CPU.
    const device = provider.deviceType ?? (provider.name === 'webgpu' ? 'gpu' : 'cpu')
    const isLimited = provider.name === 'wasm' && host.singleThreaded !== null && options.threads !== 1
    const facts = await factsOf(description, signature, {
      name: 'onnxruntime-web',
      version: description.version,
      device,
      provider: provider.name,
      threads,
      refused,
      warnings: isLimited ? [host.singleThreaded] : [],
    })
    const isHard = options.cancellation === 'terminate'
    const restart = async () => (await loadIntoWorker(job, provider, new AbortController().signal)).client
    return new ExecutorSession(facts, new RunQueue({ client, restart, inputs: facts.inputs, isHard }))
  } catch (error) {
    await client.terminate()
    throw error
  }
}

/** Loads a model as the options say; a caller who has left gets nothing, and nothing stays behind. */
export async function createOnnxSession(
  { artifact, signature }: SessionSource,
  host: Host,
  options: ResolvedOptions,
  loadOptions: LoadOptions = {},
): Promise<OnnxWebSession> {
  throwIfAborted(loadOptions)
  if (artifact?.format !== 'onnx') {
    const { wrongArtifact } = await import('@tensorferry/onnx-shared/refusals')
    throw errorOf(wrongArtifact('onnx-web', artifact))
  }
  const report = (loaded: number): void => loadOptions.onProgress?.({ phase: 'load', loaded, total: 1 })
  const cancel = new AbortController()
  const start = async (): Promise<OnnxWebSession> => {
    const files = await inspectModelFiles(artifact, signature !== undefined, loadOptions)
    throwIfAborted({ signal: cancel.signal })
    report(0)
    const outputs = signature?.outputs.map(({ name }) => name) ?? null
    const session = await load({ host, files, options, outputs }, signature, cancel.signal)
    report(1)
    return session
  }
  // Its worker ends with the call, so that a late session cannot be left over.
  return withCallOptions(loadOptions, start, () => cancel.abort())
}
