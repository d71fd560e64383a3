// Offline after the first visit, and threads on hosts that cannot send headers. A script of its own: it imports nothing.

/** [URL, integrity] of every file that the page needs; the build writes it. */
declare const __PRECACHE__: readonly (readonly [url: string, integrity: string])[]

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void
}
interface FetchEvent extends Event {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}
interface WorkerScope {
  readonly registration: { readonly scope: string }
  readonly clients: { claim(): Promise<void> }
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void
}
const worker = globalThis as unknown as WorkerScope

const FILES = __PRECACHE__
const PREFIX = 'playground-'
/** Another list, another cache: the old page keeps the old files until its last tab is closed. */
const versionName = async (): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(FILES)))
  return PREFIX + Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
const version = versionName()
const isHashed = (path: string): boolean => /\/assets\/[^/]+-[\w-]{8}\.\w+$/.test(path)

/** Headers that make the page cross-origin isolated, where its host sends none. */
function isolate(response: Response): Response {
  if (response.type === 'opaque' || response.type === 'error' || response.headers.has('cross-origin-opener-policy')) {
    return response
  }
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  headers.set('Isolated-By', 'service-worker')
  const { status, statusText } = response
  return new Response(status === 204 || status === 304 ? null : response.body, { status, statusText, headers })
}

async function install(): Promise<void> {
  const cache = await caches.open(await version)
  await Promise.all(
    FILES.map(async ([path, integrity]) => {
      const url = new URL(path, worker.registration.scope).href
      // Its name holds its hash: what the last version kept is the same.
      const known = isHashed(url) ? await caches.match(url) : undefined
      await cache.put(url, known ?? (await fetchChecked(url, integrity)))
    }),
  )
}

async function fetchChecked(url: string, integrity: string): Promise<Response> {
  const response = await fetch(url, { integrity, cache: isHashed(url) ? 'default' : 'no-cache' })
  if (!response.ok) throw new TypeError(`${url}: status ${response.status}`)
  return response
}

async function activate(): Promise<void> {
  const current = await version
  const names = await caches.keys()
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== current).map((name) => caches.delete(name)),
  )
  await worker.clients.claim()
}

async function kept(url: string): Promise<Response | undefined> {
  return (await caches.open(await version)).match(url, { ignoreVary: true })
}

/** Models may change behind their URL, so the network is asked first. */
async function networkFirst(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch (error) {
    const response = await kept(request.url)
    if (response) return response
    throw error
  }
}

async function cacheFirst(request: Request, url: string): Promise<Response> {
  const found = await kept(url)
  if (found) return found
  const response = await fetch(request)
  if (response.ok && isHashed(url)) await (await caches.open(await version)).put(url, response.clone())
  return response
}

async function answer(request: Request): Promise<Response> {
  const { origin, pathname } = new URL(request.url)
  const url = origin + pathname.replace(/\/index\.html$/, '/')
  const isModel = pathname.includes('/bundles/') && request.mode !== 'navigate'
  return isolate(await (isModel ? networkFirst(request) : cacheFirst(request, url)))
}

worker.addEventListener('install', (event) => event.waitUntil(install()))
worker.addEventListener('activate', (event) => event.waitUntil(activate()))
worker.addEventListener('fetch', (event) => {
  const { request } = event
  const isOwn = request.method === 'GET' && request.url.startsWith(worker.registration.scope)
  // A part of a file is for the network: a cache has whole ones.
  if (isOwn && !request.headers.has('range')) event.respondWith(answer(request))
})
