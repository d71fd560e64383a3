import { type Artifact, detectFormat, type LoadOptions, TensorferryError } from '@tensorferry/core'
import { openModelSource } from '../model-source.ts'
import type { ResolvedOptions } from '../options.ts'
import { checkArchive } from '../torchscript/check-archive.ts'
import { isPinned } from '../trust.ts'
import { type AotMetadata, readAotMetadata } from './aot-metadata.ts'
import { type KeptFile, keepFile } from './kept-files.ts'
import { thisMachine } from './machine.ts'
import { entrySource } from './read-entry.ts'
import { requireMachine } from './require-machine.ts'
import { requireTrust } from './require-trust.ts'

/** Parts of a package on disk. */
export interface PackageFiles {
  readonly library: string
  /** sha256 of the library. */
  readonly hash: string
  readonly weights: string | null
  release(): void
}

/** A package that may run, and can run here. */
export interface AotPackage {
  readonly metadata: AotMetadata
  /** Writes what a loader needs to disk. */
  extract(): Promise<PackageFiles>
}

/**
 * Looks into a `.pt2` file: what it is, whether it is whole, whether it may run and can run here. Runs nothing of it.
 *
 * @throws TensorferryError `NOT_FOUND`, `FORMAT_UNSUPPORTED` for another kind of file or a damaged one, `UNTRUSTED_CODE`,
 *   `BACKEND_INCOMPATIBLE` for another machine
 */
export async function openPackage(
  artifact: Artifact,
  { trust, device }: ResolvedOptions,
  loadOptions: LoadOptions,
): Promise<AotPackage> {
  const name = artifact.files[0].path
  const { source, bytes, confirm } = await openModelSource(artifact, loadOptions, isPinned(trust))
  const format = await detectFormat(source)
  if (format !== 'aot-inductor') {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${name} is ${format === 'onnx' ? 'an ONNX' : 'a TorchScript'} model, not an AOTInductor package; ${format === 'onnx' ? 'use @tensorferry/backend-onnx-node' : 'pass it under its own format'}`,
      { details: { format, expected: 'aot-inductor' } },
    )
  }
  requireTrust(name, trust, bytes)
  // Native code: nothing of it is read before its content is known, and later reads are held to that.
  await confirm()
  await checkArchive(source, name)
  const metadata = await readAotMetadata(source)
  requireMachine(metadata, thisMachine(), device)
  const keep = async (entry: AotMetadata['library']): Promise<KeptFile> =>
    keepFile(await entrySource(source, entry), entry.name)
  return {
    metadata,
    async extract() {
      const library = await keep(metadata.library)
      let weights: KeptFile | null = null
      try {
        if (metadata.weights) weights = await keep(metadata.weights)
      } catch (error) {
        library.release()
        throw error
      }
      return {
        library: library.path,
        hash: library.hash,
        weights: weights?.path ?? null,
        release() {
          library.release()
          weights?.release()
        },
      }
    },
  }
}
