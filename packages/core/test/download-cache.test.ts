import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { cacheFolder } from '../src/platform/cache-folder.ts'
import { diskDownloadStore } from '../src/platform/node-download-store.ts'
import { temporaryFolder } from './make-bundle.ts'

const content = Uint8Array.from({ length: 9000 }, (_, index) => index % 251)
const sha256 = createHash('sha256').update(content).digest('hex')
const origin = { url: 'https://models.example/a', etag: null, resumed: 0, total: null }

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000)
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

describe('a download cache that cannot be written', () => {
  test('what comes in stays in memory, and a warning says so', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), '')
    const store = diskDownloadStore(join(folder, 'file', 'cache'))
    const stored = await store.put(chunks(), origin)
    expect(stored).toMatchObject({ size: 9000, sha256 })
    expect(stored.openLocal).toBeUndefined()
    expect(await stored.bytes()).toEqual(content)
    expect(await stored.source.read(1234, 10)).toEqual(content.subarray(1234, 1244))
    await store.remember(origin.url, { sha256, etag: null, lastModified: null })
    expect(await store.recall(origin.url)).toBeNull()
    expect(await store.get(sha256)).toBeNull()
    expect(store.warnings).toEqual([
      expect.stringMatching(
        /^downloads are not kept: the cache folder .*file\/cache cannot be written \(.+\); pass cacheDir or set TENSORFERRY_CACHE$/,
      ),
    ])
  })

  test.skipIf(process.platform === 'win32')('a disk that is full in the middle: nothing is left on it', async () => {
    const folder = await temporaryFolder()
    const program = fileURLToPath(new URL('./programs/fill-cache.mjs', import.meta.url))
    // A process may write 4 KiB to a file, and not more.
    const command = `trap '' XFSZ; ulimit -f 4; exec "$0" --import tsx "$1" "$2"`
    const { stdout } = await promisify(execFile)('bash', ['-c', command, process.execPath, program, folder])
    expect(JSON.parse(stdout)).toEqual({
      size: 9000,
      sha256,
      bytes: sha256,
      path: null,
      warnings: [expect.stringContaining('EFBIG')],
    })
    expect(await readdir(join(folder, 'files'))).toEqual([])
  })
})

test.each([9000, (32 << 20) + 1])('a kept file of %d bytes whose content has changed is thrown away', async (size) => {
  const folder = await temporaryFolder()
  const store = diskDownloadStore(folder)
  const bytes = new Uint8Array(size)
  const stored = await store.put(chunksOf(bytes), origin)
  const path = join(folder, 'files', stored.sha256)
  expect(await (await store.get(stored.sha256))?.bytes()).toHaveLength(size)
  await writeFile(path, bytes.fill(1))
  expect(await store.get(stored.sha256)).toBeNull()
  await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('an entry of the index names no file outside of the cache', async () => {
  const folder = await temporaryFolder()
  const cache = join(folder, 'cache')
  const victim = join(folder, 'victim')
  await writeFile(victim, 'mine')
  const store = diskDownloadStore(cache)
  await store.remember(origin.url, { sha256, etag: '"a"', lastModified: null })
  expect(await store.recall(origin.url)).toEqual({ sha256, etag: '"a"', lastModified: null })
  const [name] = await readdir(join(cache, 'urls'))
  for (const entry of [
    { sha256: '../../victim', etag: null, lastModified: null },
    { sha256: sha256.toUpperCase(), etag: null, lastModified: null },
    { sha256, etag: 3, lastModified: null },
    { sha256, etag: null, lastModified: ['a'] },
    null,
    [],
    7,
  ]) {
    await writeFile(join(cache, 'urls', name!), JSON.stringify(entry))
    expect(await store.recall(origin.url), JSON.stringify(entry)).toBeNull()
    await store.clear(origin.url)
  }
  await mkdir(join(cache, 'files'), { recursive: true })
  expect(await store.get('../../victim')).toBeNull()
  expect(await readFile(victim, 'utf8')).toBe('mine')
  await access(join(cache, 'urls', name!))
})

test.skipIf(process.platform === 'win32')('where the cache is: empty and relative folders count as unset', () => {
  const home = process.env.HOME
  try {
    process.env.HOME = '/somebody'
    const usual =
      process.platform === 'darwin' ? '/somebody/Library/Caches/tensorferry' : '/somebody/.cache/tensorferry'
    expect(cacheFolder({ TENSORFERRY_CACHE: '/given' })).toBe('/given')
    for (const env of [{}, { TENSORFERRY_CACHE: '' }, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'here' }]) {
      expect(cacheFolder(env), JSON.stringify(env)).toBe(usual)
    }
    if (process.platform === 'linux') expect(cacheFolder({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/tensorferry')
    process.env.HOME = ''
    expect(cacheFolder({})).toBe(join(tmpdir(), 'tensorferry'))
  } finally {
    if (home === undefined) delete process.env.HOME
    else process.env.HOME = home
  }
})
