import { type Artifact, type LoadOptions, type Signature, TensorferryError, tensor } from '@tensorferry/core'
import { requireDevice } from '../devices.ts'
import { findLibtorch } from '../discovery/find-libtorch.ts'
import { EngineSession, type SessionFacts } from '../engine-session.ts'
import { guard, unguard } from '../exit-guard.ts'
import { mapError } from '../map-error.ts'
import type { ResolvedOptions } from '../options.ts'
import { requireTorch } from '../require-torch.ts'
import type { LibtorchRuntime, LibtorchSession } from '../session.ts'
import { warmUp } from '../warm-up.ts'
import { BakedDevices } from './baked-devices.ts'
import { bindSignature } from './bind-signature.ts'
import { endThreads } from './end-threads.ts'
import { specsOfResult } from './flatten.ts'
import { openModelFile } from './model-file.ts'
import { namedArguments } from './named-arguments.ts'
import type { ModelDescription, NativeModel } from './native-addon.ts'
import { openAddon } from './open-addon.ts'
import { type Binding, TorchScriptEngine } from './torchscript-engine.ts'
import { explainUntrusted } from './untrusted-code.ts'

/** The oldest libtorch that the addon compiles against. */
export const OLDEST_LIBTORCH = '1.13'

type Bound = Binding & Pick<SessionFacts, 'outputs' | 'dims' | 'layoutOf'>

function refuseWithoutForward({ methods }: ModelDescription): never {
  const names = methods.map(({ name }) => name)
  throw new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `the model has no forward, which run() runs; use session.call(method, …) with ${names.join(' or ') || 'a method, of which it has none'}`,
    { details: { methods: names } },
  )
}

/** What a session's inputs and outputs are: the signature's, or what the file says. */
function bind(description: ModelDescription, signature: Signature | undefined): Bound {
  const forward = description.methods.find(({ name }) => name === 'forward') ?? null
  if (signature) {
    if (!forward) {
      throw new TensorferryError('BUNDLE_INVALID', 'the model has no forward, which the signature describes', {
        details: { methods: description.methods.map(({ name }) => name) },
      })
    }
    const { inputs, outputs, dims } = signature
    return { forward, inputs, outputs, dims, layout: bindSignature(signature, forward), namesOutputs: true }
  }
  if (!forward) {
    const layoutOf = (): never => refuseWithoutForward(description)
    return { forward, inputs: [], outputs: [], dims: {}, layout: null, layoutOf, namesOutputs: true }
  }
  const outputs = specsOfResult(forward.returns)
  const { specs: inputs, layoutOf } = namedArguments(forward)
  return { forward, inputs, outputs, dims: {}, layout: null, layoutOf, namesOutputs: outputs !== null }
}

/** Loads a TorchScript file into the libtorch that is found; a caller that fails leaves nothing behind. */
export async function createTorchScriptSession(
  artifact: Artifact,
  signature: Signature | undefined,
  options: ResolvedOptions,
  loadOptions: LoadOptions,
): Promise<LibtorchSession> {
  const { file, devices, code, trusted, confirm } = await openModelFile(artifact, options, loadOptions)
  const baked = new BakedDevices(devices, options.device)
  const found = await findLibtorch({ libtorch: options.libtorch, oldest: OLDEST_LIBTORCH })
  requireTorch(artifact, found)
  const addon = await openAddon(found, options)
  requireDevice(options.device, found, addon)
  loadOptions.onProgress?.({ phase: 'load', loaded: 0, total: 1 })
  // Electron has no buffers outside of V8's own memory.
  const shares = process.versions.electron === undefined
  let model: NativeModel | null = null
  const loading = { stop: (exitCode: number) => endThreads(addon, model!, exitCode) }
  try {
    model = new addon.NativeModel(options.threads, options.replicas, tensor as never, shares)
    guard(loading)
    const { device, freeze, optimizeForInference: optimize } = options
    const description = await model
      .load({ ...file, device, freeze, optimize, trusted })
      .catch(async (error: unknown) => {
        await confirm()
        throw baked.explain(mapError(explainUntrusted(artifact.files[0].path, error, code), 'load'))
      })
    await confirm()
    const bound = bind(description, signature)
    const replicas = description.hasInnerState ? 1 : options.replicas
    const { threads, borrowInputs } = options
    const engine = new TorchScriptEngine(addon, model, bound, {
      ...description,
      replicas,
      threads,
      borrowInputs,
      baked,
    })
    loadOptions.onProgress?.({ phase: 'load', loaded: 1, total: 1 })
    const report = (loaded: number): void =>
      loadOptions.onProgress?.({ phase: 'warmup', loaded, total: options.warmup })
    const warmup = await warmUp(engine, signature, options.warmup, report)
    const runtime: LibtorchRuntime = {
      name: 'libtorch',
      version: found.version,
      device,
      provider: null,
      threads,
      format: 'torchscript',
      replicas,
      libtorch: found,
      frozen: freeze || optimize,
      optimizedForInference: optimize,
      warmup,
      warnings: baked.warnings(),
    }
    return new EngineSession({ ...description, ...bound, runtime }, engine, options)
  } catch (error) {
    model?.stop()
    throw error
  } finally {
    // A session guards itself.
    unguard(loading)
  }
}
