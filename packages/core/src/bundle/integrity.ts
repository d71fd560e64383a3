import { type Expected, fileErrors } from './files.ts'

/** @throws TensorferryError `INTEGRITY_FAILED` when the size differs */
export async function requireSize(path: string, expected: Expected, size: number, head: Uint8Array): Promise<void> {
  if (expected.size === null || expected.size === size) return
  throw (await fileErrors()).wrongSize(path, expected.size, size, head)
}

/** @throws TensorferryError `INTEGRITY_FAILED` when the hash differs */
export async function requireSha256(path: string, expected: Expected, sha256: string, head: Uint8Array): Promise<void> {
  if (expected.sha256 === null || expected.sha256 === sha256) return
  throw (await fileErrors()).wrongSha256(path, expected.sha256, sha256, head)
}
