import { createHash } from 'node:crypto'
import { rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DiskFile } from '../src/platform/disk-file.ts'
import { expectError } from './expect-error.ts'
import { temporaryFolder } from './make-bundle.ts'

const content = (size: number, step: number) => Uint8Array.from({ length: size }, (_, index) => (index * step) % 251)
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const SMALL = content(5000, 3)
/** Hashed beside the load: over 32 MiB. */
const LARGE = content((32 << 20) + 1234, 7)

async function written(bytes: Uint8Array): Promise<{ readonly path: string; readonly folder: string }> {
  const folder = await temporaryFolder()
  const path = join(folder, 'model.onnx')
  await writeFile(path, bytes)
  return { path, folder }
}

/** Other content of the same size, with the time of the first. */
async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  const { atime, mtime } = await stat(path)
  await writeFile(path, bytes)
  await utimes(path, atime, mtime)
}

const CHANGES: readonly [string, (path: string, folder: string) => Promise<void>][] = [
  ['written in place, its time put back', (path) => overwrite(path, content(SMALL.length, 5))],
  [
    'replaced by one of the same size and time',
    async (path, folder) => {
      const { atime, mtime } = await stat(path)
      await writeFile(join(folder, 'other'), content(SMALL.length, 5))
      await utimes(join(folder, 'other'), atime, mtime)
      await rename(join(folder, 'other'), path)
    },
  ],
  [
    'moved away and back',
    async (path, folder) => {
      await rename(path, join(folder, 'aside'))
      await rename(join(folder, 'aside'), path)
    },
  ],
]

describe.each([
  ['listed', { size: SMALL.length, sha256: sha256Of(SMALL) }],
  ['bare', { size: null, sha256: null }],
])('a %s file', (_, expected) => {
  test('is read and confirmed as long as it stays', async () => {
    const { path } = await written(SMALL)
    const file = await DiskFile.open(path, 'model.onnx', expected)
    const local = file.openLocal()
    expect(local.path).toBe(path)
    expect(await local.source.read(4990, 10)).toEqual(SMALL.subarray(4990))
    await local.confirm()
    expect(await file.bytes()).toEqual(SMALL)
  })

  test.each(CHANGES)('%s after it was opened: no part of it is read', async (_, change) => {
    const { path, folder } = await written(SMALL)
    const file = await DiskFile.open(path, 'model.onnx', expected)
    const local = file.openLocal()
    await change(path, folder)
    const message = /^model\.onnx: the file was changed, moved or replaced while it was being loaded/
    await expectError('INTEGRITY_FAILED', message, () => local.confirm())
    await expectError('INTEGRITY_FAILED', message, () => local.source.read(0, 1))
    await expectError('INTEGRITY_FAILED', message, () => file.bytes())
  })

  test('gone after it was opened', async () => {
    const { path } = await written(SMALL)
    const local = (await DiskFile.open(path, 'model.onnx', expected)).openLocal()
    await rm(path)
    await expectError('INTEGRITY_FAILED', /changed, moved or replaced/, () => local.confirm())
  })
})

describe('a large file', () => {
  test('is hashed while a runtime reads it, with progress', async () => {
    const { path } = await written(LARGE)
    const expected = { size: LARGE.length, sha256: sha256Of(LARGE) }
    const seen: number[] = []
    const file = await DiskFile.open(path, 'model.onnx', expected)
    const local = file.openLocal({ onProgress: ({ loaded }) => seen.push(loaded) })
    expect(seen).toEqual([])
    await local.confirm()
    expect(seen.at(-1)).toBe(LARGE.length)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    await file.openLocal().confirm()
    expect(Buffer.compare(await file.bytes(), LARGE)).toBe(0)
  })

  test('of other content is told of by the confirmation, and its bytes are not given', async () => {
    const { path } = await written(LARGE)
    const file = await DiskFile.open(path, 'model.onnx', { size: LARGE.length, sha256: sha256Of(SMALL) })
    const local = file.openLocal()
    await expectError('INTEGRITY_FAILED', /expected sha256 .* got .*; the file was changed or cut short/, () =>
      local.confirm(),
    )
    await expectError('INTEGRITY_FAILED', /expected sha256/, () => file.bytes())
  })

  test('an abort ends its hash, and the next one begins anew', async () => {
    const { path } = await written(LARGE)
    const file = await DiskFile.open(path, 'model.onnx', { size: LARGE.length, sha256: sha256Of(LARGE) })
    const abort = new AbortController()
    const local = file.openLocal({ signal: abort.signal, onProgress: () => abort.abort() })
    await expectError('ABORTED', /aborted/, () => local.confirm())
    await file.openLocal().confirm()
  })
})
