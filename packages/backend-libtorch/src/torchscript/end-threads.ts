import { isMainThread } from 'node:worker_threads'
import type { NativeAddon, NativeModel } from './native-addon.ts'

/** Milliseconds that the end of the process waits for a run: nothing interrupts TorchScript, and a loop may have no end. */
const LAST_MS = 2000

/**
 * Ends a model's threads because the process ends; or the process, where a run does not.
 *
 * @param exitCode - of the process
 */
export function endThreads(
  { endProcess }: Pick<NativeAddon, 'endProcess'>,
  model: Pick<NativeModel, 'stop' | 'stopWithin'>,
  exitCode: number,
): void {
  // The end of a worker thread of JavaScript's is not the end of the process.
  if (isMainThread && !model.stopWithin(LAST_MS)) endProcess(exitCode)
  model.stop()
}
