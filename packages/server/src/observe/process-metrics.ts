import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | undefined

/**
 * What Prometheus knows of any Node process under its usual names: `process_*` and `nodejs_*`. One for all servers of a process,
 * begun with the first: what measures the event loop and garbage collection is never taken away again.
 */
export function processMetrics(): Registry {
  if (!registry) {
    registry = new Registry()
    collectDefaultMetrics({ register: registry })
  }
  return registry
}
