import * as v from 'valibot'
import type { LoadOptions } from '../backend.ts'
import { invalid } from './check-manifest.ts'
import type { Files } from './files.ts'
import { artifactSchema, type Manifest, type ManifestArtifact, parseJson, sha256Schema } from './manifest.ts'

const LOCAL_MANIFEST = 'bundle.local.json'

const LOCAL_SCHEMA = 'tensorferry.bundle.local/1'

const localManifestSchema = v.object({
  schema: v.literal(LOCAL_SCHEMA),
  artifacts: v.array(
    v.object({
      ...artifactSchema.entries,
      format: v.literal('aot-inductor'),
      /** Listed files of the bundle by path, with the sha256 that they had. */
      made_from: v.record(v.string(), sha256Schema),
    }),
  ),
})

/** An artifact of `bundle.local.json`; `stale` says why it no longer belongs to the bundle. */
export interface LocalArtifact {
  readonly entry: ManifestArtifact
  readonly stale: string | null
}

/** Size and hash of every file that `bundle.json` lists, by path. */
function listedHashes({ artifacts, program }: Manifest): Map<string, string> {
  const files = [...artifacts, ...(program ? [program] : [])].flatMap((part) => part.files)
  return new Map(files.map(({ path, sha256 }) => [path, sha256]))
}

/**
 * Parses `bundle.local.json`, which `python -m tensorferry aoti` writes.
 *
 * Its sha256 vouch for files that are whole, not for files that may run: native code runs by the caller's word alone.
 *
 * @param text - the file's text
 * @param manifest - the bundle it lies in
 * @param where - its place, for messages
 * @throws TensorferryError `BUNDLE_INVALID` for another form, or a name that the bundle has already
 */
function parseLocalManifest(text: string, manifest: Manifest, where: string): readonly LocalArtifact[] {
  const { artifacts } = parseJson(text, localManifestSchema, where, () => undefined)
  const listed = listedHashes(manifest)
  const taken = new Set(manifest.artifacts.map(({ name }) => name))
  return artifacts.map(({ made_from, ...entry }) => {
    if (taken.has(entry.name)) throw invalid(where, `artifacts: ${JSON.stringify(entry.name)} stands twice`)
    taken.add(entry.name)
    const changed = Object.entries(made_from).find(([path, sha256]) => listed.get(path) !== sha256)
    const stale = changed
      ? `it was compiled from another ${changed[0]}; run python -m tensorferry aoti again, or delete ${LOCAL_MANIFEST}`
      : null
    return { entry, stale }
  })
}

/** What was compiled on this machine for a bundle that lies here; by URL there is none, for the file is another machine's. */
export async function localArtifacts(
  files: Files,
  manifest: Manifest,
  options?: LoadOptions,
): Promise<readonly LocalArtifact[]> {
  if ((await files.has(LOCAL_MANIFEST)) !== true) return []
  const text = new TextDecoder().decode(await (await files.openLatest(LOCAL_MANIFEST, options)).bytes())
  return parseLocalManifest(text, manifest, `${files.where.replace(/\/$/, '')}/${LOCAL_MANIFEST}`)
}
