import { setFlagsFromString } from 'node:v8'

/** Four times what is in use: as far as V8 itself lets a heap grow where it sees that collecting costs much. */
const GROWTH = '--heap-growing-percent=300'

/** V8's flags for a server; none where its caller has chosen. */
export function heapFlags(execArgv: readonly string[]): readonly string[] {
  const isChosen = execArgv.some((argument) => /^--(heap[-_]growing|(initial|max)[-_](heap|old))/.test(argument))
  return isChosen ? [] : [GROWTH]
}

/**
 * Lets the heap grow further before V8 collects all of it. Tensors lie outside it: V8 counts their bytes towards its limit,
 * which it derives from the few objects inside, and would collect a dozen times a second under load.
 */
export function letHeapGrow(): void {
  for (const flag of heapFlags(process.execArgv)) setFlagsFromString(flag)
}
