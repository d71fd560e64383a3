import { signal } from '@preact/signals'

/** Who makes the page cross-origin isolated, which threads need. */
export type Isolation = 'host' | 'service-worker' | 'after-reload' | 'none'

export const isolation = signal<Isolation>(globalThis.crossOriginIsolated ? 'host' : 'none')

/** Whether the next visit works without a network, in words. */
export const offline = signal('not yet')

/** Starts the service worker: offline from then on, and isolated from the next load on. */
export async function startServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) {
    offline.value = 'no: browsers keep pages with https alone'
    return
  }
  if (import.meta.env.PROD) {
    try {
      await navigator.serviceWorker.register('./service-worker.js')
    } catch (error) {
      // A browser that keeps nothing for this site: the page works without.
      offline.value = `no: ${(error as Error).message}`
      return
    }
    await navigator.serviceWorker.ready
    offline.value = 'yes, from the next visit on'
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
