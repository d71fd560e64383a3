import { dirname, resolve } from 'node:path'
import { type Artifact, type ArtifactFile, type LoadOptions, sourceFromBytes } from '@tensorferry/core'
import { openFileSource } from '@tensorferry/core/node'
import { type ExternalFile, findExternalData } from '@tensorferry/onnx-shared/model-files'
import type { ModelData } from './messages.ts'

/** The files of a model, looked into and found to be complete. */
export interface ModelFiles {
  /** For one replica: paths where the files are on disk, else bytes of its own, to be transferred. */
  open(): Promise<ModelData>
}

/**
 * Looks into a model's files before ONNX Runtime does.
 *
 * @param hasManifest - whether a bundle lists the files, or they were found beside a bare one
 * @throws TensorferryError `FORMAT_UNSUPPORTED` for what is no ONNX model, `NOT_FOUND` or `BUNDLE_INVALID` for missing external data
 */
export async function inspectModelFiles(
  artifact: Artifact,
  hasManifest: boolean,
  options: LoadOptions,
): Promise<ModelFiles> {
  const [modelFile] = artifact.files
  const path = await modelFile.localPath?.(options)
  const read = (file: ArtifactFile): Promise<Uint8Array<ArrayBuffer>> => file.bytes(options)

  if (path === undefined) {
    let first: Uint8Array<ArrayBuffer> | null = await read(modelFile)
    const external = await findExternalData(artifact, sourceFromBytes(first), hasManifest)
    return {
      async open() {
        const model = first ?? (await read(modelFile))
        first = null
        return { model, externalData: await readAll(external, read) }
      },
    }
  }

  const external = await findExternalData(artifact, await openFileSource(path), hasManifest)
  // ONNX Runtime maps siblings into memory by itself: better than a copy. What lies elsewhere is handed over.
  const elsewhere: ExternalFile[] = []
  for (const one of external) {
    if ((await one.file.localPath?.(options)) !== resolve(dirname(path), one.name)) elsewhere.push(one)
  }
  return { open: async () => ({ model: path, externalData: await readAll(elsewhere, read) }) }
}

function readAll(
  files: readonly ExternalFile[],
  read: (file: ArtifactFile) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<ModelData['externalData']> {
  // The binding takes one `./` off a name, ONNX Runtime asks for all of it.
  const asked = (name: string): string => (name.startsWith('./') ? `./${name}` : name)
  return Promise.all(files.map(async ({ name, file }) => ({ path: asked(name), data: await read(file) })))
}
