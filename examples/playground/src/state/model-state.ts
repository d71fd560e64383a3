import { batch, signal } from '@preact/signals'
import type { UntypedSource } from '@tensorferry/core'
import { type ComputeChoice, firstChoice } from '../model/compute-choices.ts'
import type { ShownError } from '../model/describe-error.ts'
import type { LoadedModel } from '../model/load.ts'
import { bundleUrl, type ModelChoice } from '../model/model-choices.ts'
import { announce } from './announce.ts'
import { loadEngine } from './engine.ts'

/** What is being loaded, and how far it is. */
export interface LoadingState {
  readonly text: string
  /** Bytes or cases; null: not known. */
  readonly loaded: number | null
  readonly total: number | null
}

/** Something that was asked for and could not be had. */
export interface RefusedLoad extends ShownError {
  /** What was asked for, such as `WebGPU`. */
  readonly asked: string
  /** Whether an earlier model still runs. */
  readonly keeps: boolean
}

/** A visitor's bundle, once it was given. */
export interface OwnSource {
  readonly name: string
  readonly source: UntypedSource
}

export const modelChoice = signal<ModelChoice>('super-resolution')
export const ownSource = signal<OwnSource | null>(null)
/** What is asked for; {@link loadedModel} says what runs. */
export const computeChoice = signal<ComputeChoice>(firstChoice())
export const loadedModel = signal<LoadedModel | null>(null)
export const loadingState = signal<LoadingState | null>(null)
export const refusedLoad = signal<RefusedLoad | null>(null)
/** Why what was entered is no bundle's address. */
export const addressError = signal<ShownError | null>(null)
/** Every refusal since the model was chosen, for the report. */
export const refusals = signal<readonly RefusedLoad[]>([])

/** A later load makes an earlier one's result worthless. */
let latest = 0

const PHASES: Readonly<Record<string, string>> = {
  download: 'Downloading',
  verify: 'Checking',
  load: 'Starting ONNX Runtime',
  warmup: 'Comparing with PyTorch',
}

function sourceOf(choice: ModelChoice): UntypedSource | null {
  return choice === 'own' ? (ownSource.value?.source ?? null) : bundleUrl(choice)
}

async function disposeLoaded(): Promise<void> {
  const before = loadedModel.value
  loadedModel.value = null
  await before?.model.dispose()
}

/** Loads the chosen model on the chosen provider. What is refused leaves the earlier provider of the same model running. */
async function load(asked: string): Promise<void> {
  const token = ++latest
  const source = sourceOf(modelChoice.value)
  if (source === null) {
    batch(() => {
      loadingState.value = null
      refusedLoad.value = null
    })
    return
  }
  const compute = computeChoice.value
  batch(() => {
    refusedLoad.value = null
    loadingState.value = { text: 'Starting ONNX Runtime', loaded: null, total: null }
  })
  const engine = await loadEngine().catch((error: unknown) => {
    loadingState.value = null
    refusedLoad.value = { asked, code: null, message: `The page’s script could not be loaded: ${error}`, keeps: false }
    return null
  })
  if (engine === null || token !== latest) return
  try {
    const loaded = await engine.loadVerified(source, compute, ({ phase, file, loaded: done, total }) => {
      if (token !== latest) return
      loadingState.value = { text: file ? `${PHASES[phase]} ${file}` : PHASES[phase]!, loaded: done, total }
    })
    if (token !== latest) return void (await loaded.model.dispose())
    const before = loadedModel.value
    batch(() => {
      loadedModel.value = loaded
      loadingState.value = null
    })
    announce(`${loaded.model.report.bundle?.name ?? 'The model'} is ready, on ${compute.title}.`)
    await before?.model.dispose()
  } catch (error) {
    if (token !== latest) return
    const keeps = loadedModel.value !== null
    const refused = { ...engine.describeError(error), asked, keeps }
    batch(() => {
      loadingState.value = null
      refusedLoad.value = refused
      refusals.value = [...refusals.value, refused]
      if (keeps) computeChoice.value = loadedModel.value!.compute
    })
    announce(`${asked} was refused. ${refused.message}`)
  }
}

/** Changes the model. */
export async function chooseModel(choice: ModelChoice, own?: OwnSource): Promise<void> {
  batch(() => {
    modelChoice.value = choice
    if (own) ownSource.value = own
    refusals.value = []
    refusedLoad.value = null
    addressError.value = null
  })
  // The model that is being loaded is no longer wanted, also while the one before it ends.
  const token = ++latest
  await disposeLoaded()
  if (token === latest) await load(own?.name ?? choice)
}

/** Says that what was entered is no address, in place of what was said before. */
export function refuseAddress(error: ShownError): void {
  batch(() => {
    addressError.value = error
    refusedLoad.value = null
  })
}

/** Changes where it runs. */
export async function chooseCompute(choice: ComputeChoice): Promise<void> {
  computeChoice.value = choice
  await load(choice.title)
}
