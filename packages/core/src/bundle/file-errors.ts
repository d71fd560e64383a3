import { TensorferryError } from '../errors.ts'

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
