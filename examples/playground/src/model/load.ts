import { type OnnxWebSession, onnxWeb } from '@tensorferry/backend-onnx-web'
import {
  type AnyBundle,
  loadModel,
  type Manifest,
  type Model,
  type Progress,
  parseManifest,
  type UntypedSource,
} from '@tensorferry/core'
import type { ComputeChoice } from './compute-choices.ts'

/** What was downloaded of a file. */
interface FetchedFile {
  readonly file: string
  /** Bytes that came over the network in this load. */
  readonly fetched: number
  /** Bytes that an earlier try had brought. */
  readonly resumed: number
}

/** A model that runs, and what is known of it. */
export interface LoadedModel {
  readonly model: Model<AnyBundle, OnnxWebSession>
  /** null: a bare model. */
  readonly manifest: Manifest | null
  readonly compute: ComputeChoice
  readonly fetched: readonly FetchedFile[]
  /** False for a folder that the visitor brought. */
  readonly isUrl: boolean
}

/** What the manifest says beyond what the model shows: licence, tolerances. */
async function readManifest(source: UntypedSource, isBundle: boolean): Promise<Manifest | null> {
  if (!isBundle) return null
  if (source instanceof Map) {
    const path = [...source.keys()]
      .filter((key) => /(^|\/)bundle\.json$/.test(key))
      .sort((a, b) => a.length - b.length)[0]
    const file = path === undefined ? undefined : source.get(path)
    if (file === undefined) return null
    return parseManifest(await new Blob([file as BlobPart]).text())
  }
  const url = new URL('bundle.json', String(source))
  url.search = new URL(String(source)).search
  return parseManifest(await (await fetch(url)).text())
}

/**
 * Loads a bundle and replays all of PyTorch's results on it.
 *
 * @throws TensorferryError of `loadModel`
 */
export async function loadVerified(
  source: UntypedSource,
  compute: ComputeChoice,
  onProgress: (progress: Progress) => void,
): Promise<LoadedModel> {
  const files = new Map<string, FetchedFile>()
  const model = await loadModel(source, {
    backend: onnxWeb(compute.options),
    verify: 'full',
    onProgress: (progress) => {
      const { phase, file, loaded, resumed = 0 } = progress
      if (phase === 'download' && file !== undefined) files.set(file, { file, fetched: loaded - resumed, resumed })
      onProgress(progress)
    },
  })
  try {
    const manifest = await readManifest(source, model.report.bundle !== null)
    return { model, manifest, compute, fetched: [...files.values()], isUrl: typeof source === 'string' }
  } catch (error) {
    await model.dispose()
    throw error
  }
}
