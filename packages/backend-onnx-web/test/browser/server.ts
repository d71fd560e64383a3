import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const DIST = here('../../dist')
const FIXTURES = here('../../../backend-onnx-node/test/fixtures')
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

/** No blob, no eval, no other origin: what a careful site sends. */
const STRICT_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'"

/** Headers that make a page cross-origin isolated. */
const ISOLATION: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/** A page of the tests, as esbuild writes it. */
async function bundlePage(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [here(`../pages/${entry}`)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
    // As an app has it: without this workspace's own paths.
    tsconfigRaw: {},
  })
  return outputFiles[0]!.contents
}

const PAGES = ['main.js', 'pictures.js', 'steps.js', 'user-worker.js', 'app-service-worker.js']

/** Answers a request itself, and says so with true. */
type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean

/** What a {@link TestServer} is made of. */
export interface ServerOptions {
  readonly isolated?: boolean
  /** Default: the strict one. */
  readonly policy?: string
  /** By path, such as `/models/bundle.json`. */
  readonly files?: ReadonlyMap<string, Uint8Array>
  readonly intercept?: Intercept
}

/** A real HTTP server with a page, this package's dist beside it, and files. */
export interface TestServer {
  readonly origin: string
  /** Paths that were asked for under `/models/`. */
  readonly requests: string[]
  readonly files: Map<string, Uint8Array>
  intercept: Intercept | null
  close(): Promise<void>
}

const pages = new Map<string, Promise<Uint8Array>>()

/** The content of a path; null: there is nothing. */
async function contentOf(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array | null> {
  const script = path === '/' ? 'main.js' : /^\/(\w+)\.html$/.exec(path)?.[1]?.concat('.js')
  const given = files.get(path)
  if (given) return given
  if (script) return new TextEncoder().encode(`<!doctype html><script type="module" src="/${script}"></script>`)
  const fixture = /^\/fixtures\/([\w-]+\.onnx)$/.exec(path)?.[1]
  if (fixture) return readFile(join(FIXTURES, fixture)).catch(() => null)
  const name = path.slice(1)
  if (PAGES.includes(name)) {
    if (!pages.has(name)) pages.set(name, bundlePage(name.replace('.js', '.ts')))
    return pages.get(name)!
  }
  if (!/^[\w-]+\.(?:js|wasm)$/.test(name)) return null
  return readFile(join(DIST, name)).catch(() => null)
}

const etags = new WeakMap<Uint8Array, string>()

/** Answers with ETag, conditions and ranges, as a static server does. */
function answer(
  request: IncomingMessage,
  response: ServerResponse,
  content: Uint8Array,
  headers: Record<string, string>,
): void {
  if (!etags.has(content)) etags.set(content, `"${createHash('sha1').update(content).digest('hex')}"`)
  const etag = etags.get(content)!
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end()
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const from = range ? Number(range[1]) : 0
  const body = content.subarray(from)
  response.writeHead(range ? 206 : 200, {
    ...headers,
    etag,
    'content-length': body.length,
    ...(range ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
  })
  response.end(body)
}

/** Starts a server on a free port. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const requests: string[] = []
  const files = new Map(options.files)
  const started: TestServer = {
    origin: '',
    requests,
    files,
    intercept: options.intercept ?? null,
    close: async () => {},
  }
  const common = {
    'content-security-policy': options.policy ?? STRICT_POLICY,
    'cache-control': 'no-cache',
    ...(options.isolated ? { ...ISOLATION, 'cross-origin-resource-policy': 'same-origin' } : {}),
  }
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(request.url!.split('?')[0]!)
    if (path.startsWith('/models/')) requests.push(request.url!)
    if (started.intercept?.(request, response)) return
    const content = await contentOf(path, files)
    if (!content) return void response.writeHead(404, common).end('nothing here')
    const type = TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream'
    answer(request, response, content, { ...common, 'content-type': type })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(started, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
}

/** Serves a folder as it is, under the strict policy. */
export async function startFolderServer(folder: string): Promise<Pick<TestServer, 'origin' | 'close'>> {
  const files = new Map<string, Uint8Array>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    files.set(`/${relative(folder, path).replaceAll('\\', '/')}`, await readFile(path))
  }
  const intercept: Intercept = (request, response) => {
    const path = decodeURIComponent(request.url!.split('?')[0]!)
    if (files.has(path)) return false
    response.writeHead(404).end('nothing here')
    return true
  }
  return startServer({ files, intercept })
}
