import type { ServerEvent } from '@tensorferry/server'
import { count, formatMilliseconds } from '../../terminal/quantities.ts'

type Loaded = Extract<ServerEvent, { type: 'loaded' }>

/** A loaded model in a line: what runs it, whether its numbers were checked, how long it took. */
export function describeLoaded({ model, version, report, unbatched }: Loaded): string {
  const { runtime, verify, backend, timings } = report
  const threads = runtime.threads === null ? '' : `, ${count(runtime.threads, 'thread')}`
  const verified = verify.cases.length > 0 ? 'verified' : `not verified (${verify.skipped})`
  const batches = unbatched === null ? 'in batches' : `one by one (${unbatched})`
  const time = formatMilliseconds(timings.total ?? 0)
  return `${model} ${version} on ${backend} (${runtime.name} ${runtime.version}, ${runtime.device}${threads}), ${verified}, ${batches}, ${time}`
}

/** A loaded model as JSON. */
export function plainModel({ model, version, report, unbatched }: Loaded): Record<string, unknown> {
  const { runtime, verify, backend, artifact, timings, source } = report
  return {
    name: model,
    version,
    source,
    backend,
    artifact: artifact?.name ?? null,
    runtime: { name: runtime.name, version: runtime.version, device: runtime.device, threads: runtime.threads },
    verified: verify.cases.length,
    batching: unbatched === null,
    milliseconds: Math.round(timings.total ?? 0),
  }
}
