import type { CallOptions, LoadOptions, Progress } from '../backend.ts'
import { throwIfAborted } from '../call.ts'
import { TensorferryError } from '../errors.ts'
import { type Expected, type Files, fileErrors, type OpenFile, UNCHECKED } from './files.ts'
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

/** Where a stream comes from, so that it can be gone on with when it breaks. */
export interface DownloadOrigin {
  readonly url: string
  /** Names these very bytes; null: the server gives no such name. */
  readonly etag: string | null
  /** Bytes that an earlier try has stored: the stream begins after them. */
  readonly resumed: number
  /** Bytes in all, if known. */
  readonly total: number | null
}

/** What is left of a download that broke off. */
export interface BrokenDownload {
  readonly etag: string
  readonly size: number
}

/** Something kept, for people to look at. */
export interface Download {
  /** Where it was fetched; null: not remembered. */
  readonly url: string | null
  /** null: it broke off, and the next load goes on with it. */
  readonly sha256: string | null
  /** Bytes. */
  readonly size: number
}

/** Keeps downloads by sha256. */
export interface DownloadStore {
  /** 1: stored files lie on disk, named by their hash; see {@link Files.mostLocal}. */
  readonly mostLocal?: 1
  /** A stored file whose content still has that hash, else null. */
  get(sha256: string): Promise<StoredFile | null>
  /** Stores a stream under its own hash. */
  put(chunks: AsyncIterable<Uint8Array>, origin: DownloadOrigin): Promise<StoredFile>
  delete(sha256: string): Promise<void>
  recall(url: string): Promise<Remembered | null>
  remember(url: string, entry: Remembered): Promise<void>
  /** Works while nobody else does on that URL, in this tab or another. */
  exclusively?<T>(url: string, work: () => Promise<T>, options?: CallOptions): Promise<T>
  /** What an earlier try has left of a URL. */
  findBroken?(url: string): Promise<BrokenDownload | null>
  /** What went wrong without stopping anything, such as a disk that is full. */
  readonly warnings?: readonly string[]
  list(): Promise<readonly Download[]>
  /** Removes all, or what was fetched from one URL. */
  clear(url?: string): Promise<void>
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

function totalOf({ headers }: Response, resumed: number): number | null {
  const length = headers.get('content-length')
  // A compressed answer's length counts the compressed bytes, which nobody sees here.
  return length === null || headers.get('content-encoding') ? null : resumed + Number(length)
}

/** An ETag that names the very bytes; null: there is none, or a weak one. */
function strongEtag({ headers }: Response): string | null {
  const etag = headers.get('etag')
  return etag === null || etag.startsWith('W/') ? null : etag
}

/** How often one call goes on with a download that breaks, as long as each try brings something. */
const MOST_TRIES = 5

async function* withProgress(
  response: Response,
  url: URL,
  path: string,
  resumed: number,
  expected: Expected,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  const total = totalOf(response, resumed)
  let loaded = resumed
  const report = (): void =>
    onProgress?.({ phase: 'download', file: path, loaded, total, ...(resumed > 0 ? { resumed } : {}) })
  const broken = (cause?: unknown): TensorferryError =>
    downloadFailed(url, `the connection broke after ${loaded} of ${total ?? '?'} bytes; try again`, cause)
  report()
  const reader = (response.body ?? new Blob().stream()).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      loaded += value.byteLength
      // It has no end, or is another file.
      if (loaded > (expected.size ?? loaded)) await requireSize(path, expected, loaded, value)
      report()
      yield value
    }
  } catch (cause) {
    if (TensorferryError.is(cause)) throw cause
    throw broken(cause)
  } finally {
    reader.releaseLock()
  }
  if (total !== null && loaded !== total) throw broken()
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
      return await fetch(url, { headers, signal: options?.signal ?? null })
    } catch (cause) {
      throwIfAborted(options)
      // Node says "fetch failed", and why in the cause.
      const { message } = ((cause as Error).cause ?? cause) as Error
      throw downloadFailed(url, `the server could not be reached (${message})`, cause)
    }
  }
  /** Fetches into the store. `stored` is null when the conditions say that nothing changed. */
  const fetchInto = async (
    url: URL,
    path: string,
    expected: Expected,
    options: LoadOptions | undefined,
    conditions: Record<string, string> = {},
    isKnown?: (response: Response) => boolean,
  ): Promise<{ readonly response: Response; readonly stored: StoredFile | null }> => {
    for (let tries = 1, before = 0; ; tries++) {
      const broken = await store.findBroken?.(url.href)
      const ask = (headers: Record<string, string>): Promise<Response> => request(url, headers, options)
      const rest = broken ? await (await import('./resume.ts')).requestRest(broken, ask, strongEtag) : null
      const response = rest ?? (await ask(conditions))
      if (isKnown?.(response)) {
        await response.body?.cancel()
        return { response, stored: null }
      }
      if (!response.ok) throw (await fileErrors()).refusedDownload(url, path, base, response)
      const resumed = response.status === 206 ? (broken?.size ?? 0) : 0
      const origin = { url: url.href, etag: strongEtag(response), resumed, total: totalOf(response, resumed) }
      try {
        const stored = await store.put(
          withProgress(response, url, path, resumed, expected, options?.onProgress),
          origin,
        )
        return { response, stored }
      } catch (error) {
        throwIfAborted(options)
        const left = (await store.findBroken?.(url.href))?.size ?? 0
        if (!TensorferryError.is(error, 'DOWNLOAD_FAILED') || left <= before || tries === MOST_TRIES) throw error
        before = left
      }
    }
  }
  const exclusively = <T>(url: URL, work: () => Promise<T>, options?: LoadOptions): Promise<T> =>
    store.exclusively ? store.exclusively(url.href, work, options) : work()
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

  const openLatest = async (path: string, options?: LoadOptions): Promise<OpenFile> => {
    const url = urlOf(path)
    const known = await store.recall(url.href)
    const cached = known && (await store.get(known.sha256))
    const conditions: Record<string, string> = {}
    if (cached && known.etag) conditions['if-none-match'] = known.etag
    if (cached && known.lastModified) conditions['if-modified-since'] = known.lastModified
    const isKnown = (response: Response): boolean =>
      cached !== null &&
      (response.status === 304 || (known?.etag != null && response.headers.get('etag') === known.etag))
    try {
      const { response, stored } = await fetchInto(url, path, UNCHECKED, options, conditions, isKnown)
      if (stored === null) return cached!
      const { sha256 } = stored
      const { headers } = response
      await store.remember(url.href, { sha256, etag: headers.get('etag'), lastModified: headers.get('last-modified') })
      return stored
    } catch (error) {
      // With a cause the network failed, without one the server has answered.
      if (cached && TensorferryError.is(error, 'DOWNLOAD_FAILED') && error.cause !== undefined) return cached
      throw error
    }
  }

  return {
    where: publicUrl(base),
    mostLocal: store.mostLocal,
    warnings: store.warnings ?? [],
    has: async () => null,
    async open(path, expected, options) {
      const { sha256 } = expected
      if (sha256 === null) return this.openLatest(path, options)
      const cached = await store.get(sha256)
      if (cached) return cached
      const url = urlOf(path)
      return exclusively(
        url,
        async () => {
          // Somebody else may have fetched it meanwhile.
          const found = await store.get(sha256)
          if (found) return found
          const { stored } = await fetchInto(url, path, expected, options)
          await checkStored(stored!, path, expected)
          return stored!
        },
        options,
      )
    },
    openLatest: (path, options) => exclusively(urlOf(path), () => openLatest(path, options), options),
  }
}
