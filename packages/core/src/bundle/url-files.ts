import type { LoadOptions, Progress } from '../backend.ts'
import { TensorferryError } from '../errors.ts'
import { type Expected, type Files, fileNotFound, type OpenFile } from './files.ts'
import { requireSha256, requireSize } from './integrity.ts'

/** A downloaded file with what was measured while it came in. */
export interface StoredFile extends OpenFile {
  readonly size: number
  readonly sha256: string
}

/** What a cache remembers of a URL whose content nobody vouches for. */
export interface Remembered {
  readonly sha256: string
  readonly etag: string | null
  readonly lastModified: string | null
}

/** Keeps downloads by sha256. */
export interface DownloadStore {
  /** Whether stored files lie on disk. */
  readonly onDisk: boolean
  /** A stored file whose content still has that hash, else null. */
  get(sha256: string): Promise<StoredFile | null>
  /** Stores a stream under its own hash. */
  put(chunks: AsyncIterable<Uint8Array>): Promise<StoredFile>
  delete(sha256: string): Promise<void>
  recall(url: string): Promise<Remembered | null>
  remember(url: string, entry: Remembered): Promise<void>
}

/** A URL without its query and credentials, which may hold a token: for messages. */
function publicUrl(url: URL): string {
  return `${url.origin}${url.pathname}`
}

function downloadFailed(url: URL, reason: string, cause?: unknown): TensorferryError {
  return new TensorferryError('DOWNLOAD_FAILED', `${publicUrl(url)}: ${reason}`, {
    cause,
    details: { url: publicUrl(url) },
  })
}

async function* withProgress(
  response: Response,
  url: URL,
  path: string,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  const length = Number(response.headers.get('content-length') ?? Number.NaN)
  // A compressed answer's length counts the compressed bytes, which nobody sees here.
  const total = Number.isNaN(length) || response.headers.get('content-encoding') ? null : length
  let loaded = 0
  const report = (): void => onProgress?.({ phase: 'download', file: path, loaded, total })
  report()
  if (!response.body) throw downloadFailed(url, 'the answer has no body')
  const reader = response.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      loaded += value.byteLength
      report()
      yield value
    }
  } catch (cause) {
    if (TensorferryError.is(cause)) throw cause
    throw downloadFailed(
      url,
      `the connection broke after ${loaded} bytes${total === null ? '' : ` of ${total}`}; try again`,
      cause,
    )
  } finally {
    reader.releaseLock()
  }
  if (total !== null && loaded !== total) {
    throw downloadFailed(url, `expected ${total} bytes, the connection ended after ${loaded}; try again`)
  }
}

/**
 * The files below a URL. The base's query is carried over to each of them.
 *
 * @param base - ends in `/` before its query
 * @param store - holds what was downloaded
 * @param fetch - used for every request
 */
export function urlFiles(base: URL, store: DownloadStore, fetch: typeof globalThis.fetch): Files {
  const urlOf = (path: string): URL => {
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), base)
    url.search = base.search
    return url
  }
  const request = async (url: URL, headers: Record<string, string>, options?: LoadOptions): Promise<Response> => {
    try {
      return await fetch(url, { headers, ...(options?.signal ? { signal: options.signal } : {}) })
    } catch (cause) {
      if (options?.signal?.aborted)
        throw new TensorferryError('ABORTED', 'the call was aborted by its signal', { cause })
      // Node says "fetch failed", and why in the cause.
      const { message } = ((cause as Error).cause ?? cause) as Error
      throw downloadFailed(url, `the server could not be reached (${message})`, cause)
    }
  }
  const requireOk = (response: Response, url: URL, path: string): void => {
    if (response.ok) return
    if (response.status === 404)
      throw fileNotFound(path, publicUrl(base), `the server answered 404 for ${publicUrl(url)}`)
    throw downloadFailed(url, `the server answered ${response.status} ${response.statusText}`.trim())
  }
  const download = async (url: URL, path: string, expected: Expected, options?: LoadOptions): Promise<StoredFile> => {
    const response = await request(url, {}, options)
    requireOk(response, url, path)
    const stored = await store.put(withProgress(response, url, path, options?.onProgress))
    await checkStored(stored, path, expected)
    return stored
  }
  const checkStored = async (stored: StoredFile, path: string, expected: Expected): Promise<void> => {
    const head = await stored.source.read(0, Math.min(64, stored.size))
    try {
      await requireSize(path, expected, stored.size, head)
      await requireSha256(path, expected, stored.sha256, head)
    } catch (error) {
      await store.delete(stored.sha256)
      throw error
    }
  }

  return {
    where: publicUrl(base),
    onDisk: store.onDisk,
    keepsNames: false,
    has: async () => null,
    async open(path, expected, options) {
      const cached = expected.sha256 === null ? null : await store.get(expected.sha256)
      if (cached) return cached
      if (expected.sha256 === null) return this.openLatest(path, options)
      return download(urlOf(path), path, expected, options)
    },
    async openLatest(path, options) {
      const url = urlOf(path)
      const known = await store.recall(url.href)
      const cached = known && (await store.get(known.sha256))
      const headers: Record<string, string> = {}
      if (cached && known.etag) headers['if-none-match'] = known.etag
      if (cached && known.lastModified) headers['if-modified-since'] = known.lastModified
      let response: Response
      try {
        response = await request(url, headers, options)
      } catch (error) {
        if (cached && TensorferryError.is(error, 'DOWNLOAD_FAILED')) return cached
        throw error
      }
      if (response.status === 304 && cached) {
        await response.body?.cancel()
        return cached
      }
      requireOk(response, url, path)
      const stored = await store.put(withProgress(response, url, path, options?.onProgress))
      const { headers: answer } = response
      await store.remember(url.href, {
        sha256: stored.sha256,
        etag: answer.get('etag'),
        lastModified: answer.get('last-modified'),
      })
      return stored
    },
  }
}
