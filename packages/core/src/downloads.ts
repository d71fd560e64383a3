import { platform } from '#platform'
import type { Download } from './bundle/url-files.ts'
import type { LocateOptions } from './platform/platform.ts'

export type { Download } from './bundle/url-files.ts'

/** Which downloads: {@link listDownloads} and {@link clearDownloads}. */
export type DownloadOptions = Pick<LocateOptions, 'cacheDir'>

/**
 * What `loadModel` has downloaded and kept, whole files and broken-off ones.
 *
 * @param options - Node: the folder
 */
export async function listDownloads(options: DownloadOptions = {}): Promise<readonly Download[]> {
  return (await platform.downloadStore(options)).list()
}

/**
 * Removes what `loadModel` has downloaded and kept; the next load fetches it again.
 *
 * @param options - `url`: only what was fetched there, with its query. Node: the folder
 */
export async function clearDownloads(
  options: DownloadOptions & { readonly url?: string | URL | undefined } = {},
): Promise<void> {
  const { url, ...where } = options
  await (await platform.downloadStore(where)).clear(url === undefined ? undefined : String(url))
}
