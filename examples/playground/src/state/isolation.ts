import { signal } from '@preact/signals'

/** Who makes the page cross-origin isolated, which threads need. */
export type Isolation = 'host' | 'service-worker' | 'after-reload' | 'none'

export const isolation = signal<Isolation>(globalThis.crossOriginIsolated ? 'host' : 'none')

/** Starts the service worker: offline from then on, and isolated from the next load on. */
export async function startServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  if (import.meta.env.PROD) {
    // A host without https, or a browser that keeps nothing: the page works without.
    await navigator.serviceWorker.register('./service-worker.js').catch(() => undefined)
    const ready = await Promise.race([navigator.serviceWorker.ready, noWorker()])
    if (ready === null) return
  }
  if (!globalThis.crossOriginIsolated) {
    isolation.value = navigator.serviceWorker.controller ? 'after-reload' : 'none'
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      isolation.value = 'after-reload'
    })
    return
  }
  const { headers } = await fetch('./', { method: 'GET' })
  isolation.value = headers.get('isolated-by') === 'service-worker' ? 'service-worker' : 'host'
}

/** Settles with null when no worker is registered: `ready` would wait for ever. */
async function noWorker(): Promise<null | ServiceWorkerRegistration> {
  const registration = await navigator.serviceWorker.getRegistration()
  return registration ? navigator.serviceWorker.ready : null
}
