import { join } from 'node:path'
import type { Artifact, DType, LoadOptions, Signature } from '@tensorferry/core'
import { findLibtorch } from '../discovery/find-libtorch.ts'
import { requireSoleLibtorch } from '../discovery/loaded-libtorch.ts'
import { LIBRARY } from '../discovery/read-root.ts'
import { EngineSession } from '../engine-session.ts'
import { guard, unguard } from '../exit-guard.ts'
import { mapError } from '../map-error.ts'
import { engineOf } from '../native-engine.ts'
import type { ResolvedOptions } from '../options.ts'
import { requireTorch } from '../require-torch.ts'
import type { LibtorchRuntime, LibtorchSession } from '../session.ts'
import { isCudaWithoutDriver, tryCompiled } from '../trial/try-compiled.ts'
import { smallestShape, warmUp } from '../warm-up.ts'
import { AotSession } from './aot-session.ts'
import { bindCompiled } from './bind-compiled.ts'
import { OLDEST_AOT_LIBTORCH, openAotAddon } from './open-addon.ts'
import { type AotPackage, openPackage, type PackageFiles } from './open-package.ts'

/** Sessions of one model that is being loaded, and the files they need. */
class Loading {
  readonly natives: AotSession[] = []
  files: PackageFiles | null = null

  /** At the end of the process, and when loading has failed. */
  stop(): void {
    for (const native of this.natives) native.stop()
    this.files?.release()
  }
}

/** The smallest inputs that are allowed; null: nothing says what they are. */
function zerosOf(given: Pick<Signature, 'inputs' | 'dims'> | null): { dtype: DType; shape: number[] }[] | null {
  const inputs = given?.inputs.map((spec) => ({ dtype: spec.dtype, shape: smallestShape(spec, given.dims) })) ?? []
  const isKnown = given !== null && inputs.every(({ dtype, shape }) => dtype !== null && shape !== null)
  return isKnown ? (inputs as { dtype: DType; shape: number[] }[]) : null
}

/** Loads an AOTInductor package into the libtorch that is found; a caller that fails leaves nothing behind. */
export async function createAotSession(
  artifact: Artifact,
  signature: Signature | undefined,
  options: ResolvedOptions,
  loadOptions: LoadOptions,
): Promise<LibtorchSession> {
  const opened = await openPackage(artifact, options, loadOptions)
  const loading = new Loading()
  guard(loading)
  try {
    return await load(opened, loading, artifact, signature, options, loadOptions)
  } catch (error) {
    loading.stop()
    throw error
  } finally {
    // A session guards itself.
    unguard(loading)
  }
}

async function load(
  { metadata, extract }: AotPackage,
  loading: Loading,
  artifact: Artifact,
  signature: Signature | undefined,
  options: ResolvedOptions,
  loadOptions: LoadOptions,
): Promise<LibtorchSession> {
  const found = await findLibtorch({ libtorch: options.libtorch, oldest: OLDEST_AOT_LIBTORCH })
  requireTorch(artifact, found)
  const addon = openAotAddon()
  requireSoleLibtorch(found)
  const main = join(found.libraryFolder, LIBRARY!)
  loadOptions.onProgress?.({ phase: 'load', loaded: 0, total: 1 })
  loading.files = await extract()
  const { library, hash, weights } = loading.files
  // Its kernels may have been compiled for a number of threads of their own.
  const threads = Math.max(options.threads, metadata.kernelThreads ?? 1)
  if (options.trial ?? isCudaWithoutDriver(found)) {
    const inputs = zerosOf(signature ?? metadata.inputs)
    await tryCompiled({ kind: 'compiled', main, library, weights, threads, inputs }, found, hash)
  }
  try {
    addon.open(main)
  } catch (error) {
    throw mapError(error, 'start')
  }
  const replicas = metadata.keepsState ? 1 : options.replicas
  // Electron has no buffers outside of V8's own memory.
  const sharesOutputs = process.versions.electron === undefined
  for (let replica = 0; replica < replicas; replica++) {
    const native = new AotSession(addon, { threads, sharesOutputs, keepsState: metadata.keepsState })
    loading.natives.push(native)
    await native.load(main, library, weights).catch((error: unknown) => {
      throw mapError(error, 'load')
    })
  }
  const { inputCount, outputCount } = loading.natives[0]!
  const bound = bindCompiled(metadata, { inputs: inputCount, outputs: outputCount }, signature)
  const engine = engineOf(loading.natives, {
    borrowInputs: options.borrowInputs,
    keepsState: metadata.keepsState,
    closed: () => loading.files?.release(),
    stop: () => loading.stop(),
  })
  loadOptions.onProgress?.({ phase: 'load', loaded: 1, total: 1 })
  const warmup = await warmUp(engine, bound, options.warmup, (loaded) =>
    loadOptions.onProgress?.({ phase: 'warmup', loaded, total: options.warmup }),
  )
  const runtime: LibtorchRuntime = {
    name: 'libtorch',
    version: found.version,
    device: 'cpu',
    provider: null,
    threads,
    format: 'aot-inductor',
    replicas,
    libtorch: found,
    frozen: false,
    optimizedForInference: false,
    warmup,
  }
  return new EngineSession({ ...bound, methods: [], attributes: [], runtime }, engine, options)
}
