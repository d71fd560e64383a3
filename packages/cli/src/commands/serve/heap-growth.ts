import { constants, type NodeGCPerformanceDetail, PerformanceObserver } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'

/** Four times what is in use: as far as V8 itself lets a heap grow where it sees that collecting costs much. */
const GROWTH = '--heap-growing-percent=300'
/** So many full collections in so short a time come of tensors: V8 counts their bytes, and they lie outside its heap. */
const COLLECTIONS = 4
const WITHIN_MS = 2000

/** As Node tells of one; in DOM's types an entry has no detail. */
type Collection = PerformanceEntry & { readonly detail: NodeGCPerformanceDetail }

/** V8's flags for a server; none where its caller has chosen. */
export function heapFlags(execArgv: readonly string[]): readonly string[] {
  const isChosen = execArgv.some((argument) => /^--(heap[-_]growing|(initial|max)[-_](heap|old))/.test(argument))
  return isChosen ? [] : [GROWTH]
}

/**
 * Lets the heap grow further once V8 collects all of it again and again: it derives its limit from the few objects inside, and
 * under large tensors it would collect a dozen times a second. A server that has no such load keeps the smaller heap.
 *
 * @param set - takes one of V8's flags
 */
export function letHeapGrow(set: (flag: string) => void = setFlagsFromString): void {
  const flags = heapFlags(process.execArgv)
  if (flags.length === 0) return
  const recent: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, detail } of list.getEntries() as Collection[]) {
      if (detail.kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue
      recent.push(startTime)
      if (recent.length < COLLECTIONS || startTime - recent.shift()! > WITHIN_MS) continue
      observer.disconnect()
      for (const flag of flags) set(flag)
      return
    }
  })
  observer.observe({ entryTypes: ['gc'] })
}
