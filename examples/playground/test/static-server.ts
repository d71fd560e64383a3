import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

/** A real HTTP server of a folder, as static hosts are: ETags, no parts, no headers but those given. */
export interface StaticServer {
  readonly origin: string
  /** Paths of the answers with a body, and how many bytes it had. */
  readonly sent: { readonly path: string; readonly bytes: number }[]
  close(): Promise<void>
}

/**
 * Starts a server on a free port.
 *
 * @param folders - by the path that they are served below, which ends in `/`
 * @param headers - sent with every answer
 */
export async function startStaticServer(
  folders: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<StaticServer> {
  const sent: { path: string; bytes: number }[] = []
  const read = async (path: string): Promise<Uint8Array | null> => {
    const base = Object.keys(folders)
      .filter((one) => path.startsWith(one))
      .sort((a, b) => b.length - a.length)[0]
    if (base === undefined) return null
    const inside = normalize(`/${path.slice(base.length)}`)
    return readFile(join(folders[base]!, inside.endsWith('/') ? `${inside}index.html` : inside)).catch(() => null)
  }
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname)
    const content = await read(path)
    if (content === null) return void response.writeHead(404, headers).end('nothing here')
    const etag = `"${createHash('sha1').update(content).digest('hex')}"`
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { ...headers, etag }).end()
    sent.push({ path, bytes: content.length })
    response.writeHead(200, {
      'cache-control': 'no-cache',
      'content-type': TYPES[path.endsWith('/') ? '.html' : extname(path)] ?? 'application/octet-stream',
      'content-length': content.length,
      etag,
      ...headers,
    })
    response.end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      return closed
    },
  }
}
