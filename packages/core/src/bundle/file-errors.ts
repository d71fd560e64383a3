import { TensorferryError } from '../errors.ts'

// Loaded when a file is missing or wrong: apps whose files are right do without all these messages. What tells that the
// network is gone cannot be here.

const LFS_POINTER = 'version https://git-lfs'

/** What a wrong file looks like, when its first bytes give it away. */
function suspicion(head: Uint8Array): string {
  const start = String.fromCharCode(...head.subarray(0, 64))
  if (start.startsWith(LFS_POINTER)) return 'it is a Git-LFS pointer: run git lfs pull'
  if (/^\s*<(!doctype|html)/i.test(start))
    return 'it is an HTML page: the address answers with a web page in place of the file'
  return 'the file was changed or cut short: fetch it again, or export the bundle again'
}

/** A file of another size than the one that is listed. */
export function wrongSize(path: string, expected: number, size: number, head: Uint8Array): TensorferryError {
  return new TensorferryError(
    'INTEGRITY_FAILED',
    `${path}: expected ${expected} bytes, got ${size}; ${suspicion(head)}`,
    { details: { path, expected, size } },
  )
}

/** A file of other content than the one that is listed. */
export function wrongSha256(path: string, expected: string, sha256: string, head: Uint8Array): TensorferryError {
  return new TensorferryError(
    'INTEGRITY_FAILED',
    `${path}: expected sha256 ${expected}, got ${sha256}; ${suspicion(head)}`,
    { details: { path, expected, sha256 } },
  )
}

/** A file that is not there. */
export function fileNotFound(path: string, where: string, advice: string): TensorferryError {
  return new TensorferryError(
    'NOT_FOUND',
    `no file ${JSON.stringify(path)} in ${where}${advice ? `; ${advice}` : ''}`,
    { details: { path, where } },
  )
}

/** A map of files without one that is needed. */
export function notInMap(path: string, paths: readonly string[]): TensorferryError {
  return fileNotFound(path, 'the given map', `it holds ${paths.join(', ') || 'nothing'}`)
}

/** A folder that is no bundle. */
export function noManifest(where: string): TensorferryError {
  return fileNotFound('bundle.json', where, 'pass a bundle made by tensorferry.export_bundle, or a model file itself')
}

/**
 * A bare ONNX model without the file of its weights.
 *
 * @param renamed - a file that it may have become
 */
export function noExternalData(path: string, where: string, model: string, renamed: string | null): TensorferryError {
  const wanted = path.slice(path.lastIndexOf('/') + 1)
  const advice = renamed
    ? `${renamed} lies there, but the name stands inside the model: call it ${wanted} again, or save the model anew with onnx.save`
    : 'put both side by side, or pass a Map with both'
  return fileNotFound(path, where, `${model} keeps weights in it: ${advice}`)
}

/** A server that answers with something else than the file. */
export function refusedDownload(from: URL, path: string, base: URL, response: Response): TensorferryError {
  // Without their queries, which may hold a token.
  const [url, where] = [from, base].map(({ origin, pathname }) => origin + pathname) as [string, string]
  const { status, statusText } = response
  const advice = path.includes('.') ? '' : "; a bundle's address ends in /"
  if (status === 404) return fileNotFound(path, where, `the server answered 404 for ${url}${advice}`)
  const answer = `the server answered ${status} ${statusText}`.trim()
  return new TensorferryError('DOWNLOAD_FAILED', `${url}: ${answer}`, { details: { url } })
}

/** A model file of another format than its bundle says. */
export function otherFormat(where: string, listed: string, model: string, format: string): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `${where}: bundle.json says ${listed}, ${model} is ${format}`)
}

/** External data that the bundle does not list. */
export function unlistedData(where: string, model: string, path: string, listed: readonly string[]): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `${where}: ${model} reads ${path}, which bundle.json does not list`, {
    details: { path, listed },
  })
}

/** An artifact that was compiled from other files than the bundle's. */
export function staleArtifact(artifact: string, reason: string): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `artifact ${artifact}: ${reason}`, { details: { artifact } })
}

/** An address that nothing is fetched from. Its password is in no message, nor what `fetch` would say of it. */
export function unfitUrl({ protocol, username, password, host, pathname }: URL): TensorferryError {
  const advice =
    'send it in a header: { fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, authorization } }) }'
  return new TensorferryError(
    'OPTIONS_INVALID',
    username || password
      ? `source: ${protocol}//${host}${pathname} came with a user or a password in the address, which fetch refuses; ${advice}`
      : `source: expected an http or https URL, got ${protocol}`,
  )
}
