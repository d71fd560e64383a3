type FileMap = ReadonlyMap<string, Uint8Array | Blob>

const MODEL_SUFFIX = /\.(onnx|pt2?|pth|ts)$/i

/**
 * Finds what a map of files is meant to be. Loaded with the first map: an app that has a URL does without.
 *
 * @returns the files of its bundle by their paths in it, or the path of its model; neither when none stands out
 */
export function sortMap(given: FileMap): { readonly bundle?: FileMap; readonly model?: string } {
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
  return models.length === 1 ? { model: models[0]! } : {}
}
