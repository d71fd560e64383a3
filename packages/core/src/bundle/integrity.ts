import { TensorferryError } from '../errors.ts'
import type { Expected } from './files.ts'

const LFS_POINTER = 'version https://git-lfs'

/** What a wrong file looks like, when its first bytes give it away. */
function suspicion(head: Uint8Array): string {
  const start = String.fromCharCode(...head.subarray(0, 64))
  if (start.startsWith(LFS_POINTER)) return 'it is a Git-LFS pointer: run git lfs pull'
  if (/^\s*<(!doctype|html)/i.test(start))
    return 'it is an HTML page: the address answers with a web page in place of the file'
  return 'the file was changed or cut short: fetch it again, or export the bundle again'
}

/** @throws TensorferryError `INTEGRITY_FAILED` when the size differs */
export function requireSize(path: string, expected: Expected, size: number, head: Uint8Array): void {
  if (expected.size === null || expected.size === size) return
  throw new TensorferryError(
    'INTEGRITY_FAILED',
    `${path}: expected ${expected.size} bytes, got ${size}; ${suspicion(head)}`,
    {
      details: { path, expected: expected.size, size },
    },
  )
}

/** @throws TensorferryError `INTEGRITY_FAILED` when the hash differs */
export function requireSha256(path: string, expected: Expected, sha256: string, head: Uint8Array): void {
  if (expected.sha256 === null || expected.sha256 === sha256) return
  throw new TensorferryError(
    'INTEGRITY_FAILED',
    `${path}: expected sha256 ${expected.sha256}, got ${sha256}; ${suspicion(head)}`,
    {
      details: { path, expected: expected.sha256, sha256 },
    },
  )
}
