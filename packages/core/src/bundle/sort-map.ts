type FileMap = ReadonlyMap<string, Uint8Array | Blob>

const MODEL_SUFFIX = /\.(onnx|pt2?|pth|ts)$/i

const plain = (path: string): string => path.replace(/\/{2,}/g, '/').replace(/^(?:\.\/)+/, '')

/**
 * Finds what a map of files is meant to be. Loaded with the first map: an app that has a URL does without.
 *
 * @returns the files of its bundle by their paths in it, or its model and the files by plain paths; neither when none stands out
 */
export function sortMap(given: FileMap): {
  readonly bundle?: FileMap
  readonly model?: { readonly path: string; readonly files: FileMap }
} {
  const paths = [...given.keys()]
  const manifests = paths.filter((path) => path === 'bundle.json' || path.endsWith('/bundle.json'))
  const manifest = paths.includes('bundle.json') ? 'bundle.json' : manifests.length === 1 ? manifests[0]! : null
  if (manifest !== null) {
    // A dropped folder's paths begin with its name.
    const prefix = manifest.slice(0, -'bundle.json'.length)
    const inside = [...given].filter(([path]) => path.startsWith(prefix))
    return { bundle: new Map(inside.map(([path, file]) => [path.slice(prefix.length), file])) }
  }
  const models = paths.length === 1 ? paths : paths.filter((path) => MODEL_SUFFIX.test(path))
  if (models.length !== 1) return {}
  // Keys may be spelled as the model spells its data: `./w.bin`.
  const files = new Map([...given].map(([path, file]) => [plain(path), file]))
  return { model: { path: plain(models[0]!), files } }
}
