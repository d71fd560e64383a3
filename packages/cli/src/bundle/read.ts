import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Manifest, type ManifestFile, parseManifest, TensorferryError } from '@tensorferry/core'
import { hashFile, readRegular } from '@tensorferry/core/node'

/** A bundle on disk: its manifest, read and checked, and its folder. */
export interface BundleOnDisk {
  readonly kind: 'bundle'
  readonly folder: string
  readonly manifest: Manifest
}

/** A model file on disk. */
export interface FileOnDisk {
  readonly kind: 'file'
  readonly path: string
}

/**
 * Opens what a command was given.
 *
 * @throws TensorferryError `NOT_FOUND`, `BUNDLE_INVALID`; `OPTIONS_INVALID` for a URL, which `run` alone takes
 */
export async function openOnDisk(source: string): Promise<BundleOnDisk | FileOnDisk> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source) && !source.startsWith('file:')) {
    throw new TensorferryError('OPTIONS_INVALID', `${source}: this command reads files on disk; download it first`)
  }
  const path = source.startsWith('file:') ? fileURLToPath(source) : resolve(source)
  const found = await stat(path).catch(() => null)
  if (!found) throw new TensorferryError('NOT_FOUND', `no file or folder ${path}`, { details: { path } })
  const folder = found.isDirectory() ? path : basename(path) === 'bundle.json' ? dirname(path) : null
  if (folder === null) return { kind: 'file', path }
  const manifestPath = join(folder, 'bundle.json')
  const text = await readRegular(manifestPath).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    throw new TensorferryError(
      'NOT_FOUND',
      `no file "bundle.json" in ${folder}; pass a bundle made by tensorferry.export_bundle, or a model file itself`,
      { details: { folder } },
    )
  })
  return { kind: 'bundle', folder, manifest: parseManifest(text.toString('utf8'), manifestPath) }
}

/** Opens a bundle; a bare file is refused. */
export async function openBundleOnDisk(source: string, what: string): Promise<BundleOnDisk> {
  const opened = await openOnDisk(source)
  if (opened.kind === 'bundle') return opened
  throw new TensorferryError(
    'BUNDLE_INVALID',
    `${source} is a bare model: ${what}; pass the folder of a bundle, with its bundle.json`,
  )
}

/** Every file that a manifest vouches for, each path once. */
function listedFiles(manifest: Manifest): readonly ManifestFile[] {
  const { goldens } = manifest
  const files = [
    ...manifest.artifacts.flatMap((artifact) => artifact.files),
    ...(manifest.program?.files ?? []),
    ...(goldens ? [goldens.file, ...goldens.cases.flatMap(({ raw }) => raw ?? [])] : []),
  ]
  return files.filter((file, index) => files.findIndex(({ path }) => path === file.path) === index)
}

/** How a file on disk compares with what its manifest says. */
export interface CheckedFile {
  readonly path: string
  readonly size: number
  readonly sha256: string
  /** What is wrong; null: nothing. */
  readonly problem: string | null
}

/** Checks size and sha256 of every listed file. */
export async function checkFiles({ folder, manifest }: BundleOnDisk): Promise<readonly CheckedFile[]> {
  const checked: CheckedFile[] = []
  for (const { path, size, sha256 } of listedFiles(manifest)) {
    const full = join(folder, path)
    const found = await stat(full).catch(() => null)
    if (!found?.isFile()) {
      checked.push({ path, size: 0, sha256: '', problem: 'it is missing' })
      continue
    }
    const hash = await hashFile(full)
    const problem =
      found.size !== size
        ? `expected ${size} bytes, got ${found.size}`
        : hash === sha256
          ? null
          : `expected sha256 ${sha256.slice(0, 12)}…, got ${hash.slice(0, 12)}…`
    checked.push({ path, size: found.size, sha256: hash, problem })
  }
  return checked
}
