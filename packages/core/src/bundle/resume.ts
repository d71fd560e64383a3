import type { BrokenDownload } from './url-files.ts'

// Loaded where an earlier try has left something. It imports nothing: what two files share becomes one more download.

/**
 * Asks for the rest of a download that broke off.
 *
 * @returns null: the server has something else by now, or no parts
 */
export async function requestRest(
  { etag, size }: BrokenDownload,
  request: (headers: Record<string, string>) => Promise<Response>,
  strongEtag: (response: Response) => string | null,
): Promise<Response | null> {
  const response = await request({ range: `bytes=${size}-` })
  if (response.status === 200) return response
  const isRest = response.headers.get('content-range')?.startsWith(`bytes ${size}-`) ?? true
  if (response.status === 206 && isRest && strongEtag(response) === etag) return response
  await response.body?.cancel()
  return null
}
