import { dirname, resolve } from 'node:path'
import { type Artifact, type ArtifactFile, type LoadOptions, type LocalFile, sourceFromBytes } from '@tensorferry/core'
import { type ExternalFile, findExternalData } from '@tensorferry/onnx-shared/model-files'
import type { ModelData } from './messages.ts'

/** The files of a model, looked into and found to be complete. */
export interface ModelFiles {
  /** For one replica: paths where the files are on disk, else bytes of its own, to be transferred. */
  open(): Promise<ModelData>
  /**
   * Once they have been read: whether they are the listed ones.
   *
   * @throws TensorferryError `INTEGRITY_FAILED`
   */
  confirm(): Promise<void>
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
  const local = await modelFile.localFile?.(options)
  const read = (file: ArtifactFile): Promise<Uint8Array<ArrayBuffer>> => file.bytes(options)

  if (!local) {
    let first: Uint8Array<ArrayBuffer> | null = await read(modelFile)
    const external = await findExternalData(artifact, sourceFromBytes(first), hasManifest)
    return {
      async open() {
        const model = first ?? (await read(modelFile))
        first = null
        return { model, externalData: await readAll(external, read) }
      },
      confirm: async () => undefined,
    }
  }

  const external = await findExternalData(artifact, local.source, hasManifest)
  // ONNX Runtime maps siblings into memory by itself: better than a copy. What lies elsewhere is handed over.
  const byPath: LocalFile[] = [local]
  const elsewhere: ExternalFile[] = []
  for (const one of external) {
    const file = await one.file.localFile?.(options)
    if (file && file.path === resolve(dirname(local.path), one.name)) byPath.push(file)
    else elsewhere.push(one)
  }
  return {
    open: async () => ({ model: local.path, externalData: await readAll(elsewhere, read) }),
    async confirm() {
      for (const file of byPath) await file.confirm()
    },
  }
}

function readAll(
  files: readonly ExternalFile[],
  read: (file: ArtifactFile) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<ModelData['externalData']> {
  // The binding takes one `./` off a name, ONNX Runtime asks for all of it.
  const asked = (name: string): string => (name.startsWith('./') ? `./${name}` : name)
  return Promise.all(files.map(async ({ name, file }) => ({ path: asked(name), data: await read(file) })))
}
