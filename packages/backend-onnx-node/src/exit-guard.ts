/**
 * Ending a worker thread while it is inside native code aborts the whole process (exit code 134), and `process.exit()`
 * ends all workers. So each worker shares a flag with the main thread: the worker raises it around native code, and when
 * the process exits, the main thread bars the flag and waits until it is down.
 */

/** Index of the flags. */
const FLAGS = 0
/** Index of the id of a run that the worker shall not start. */
const SKIPPED_RUN = 1
const NATIVE = 1
const BARRED = 2

/** Shared by a worker and the thread that made it. */
export type GuardState = Int32Array<SharedArrayBuffer>

const guarded = new Set<GuardState>()

function barAndDrain(): void {
  for (const state of guarded) Atomics.or(state, FLAGS, BARRED)
  for (const state of guarded) {
    for (let flags = Atomics.load(state, FLAGS); flags & NATIVE; flags = Atomics.load(state, FLAGS)) {
      Atomics.wait(state, FLAGS, flags)
    }
  }
}

/** State for a new worker. From now on `process.exit()` waits for its native code. */
export function guardWorker(): GuardState {
  const state = new Int32Array(new SharedArrayBuffer(8))
  if (guarded.size === 0) process.on('exit', barAndDrain)
  guarded.add(state)
  return state
}

/** To be called once the worker has ended; the last call takes the process's listener away. */
export function unguardWorker(state: GuardState): void {
  if (guarded.delete(state) && guarded.size === 0) process.off('exit', barAndDrain)
}

/** Main thread: asks that a run be left out, if it has not begun. */
export function skipRun(state: GuardState, id: number): void {
  Atomics.store(state, SKIPPED_RUN, id)
}

/** Worker: whether the run shall be left out. */
export function isSkipped(state: GuardState, id: number): boolean {
  return Atomics.load(state, SKIPPED_RUN) === id
}

/** Worker: before native code. False: the process is exiting, and the worker shall not start anything. */
export function enterNative(state: GuardState): boolean {
  return Atomics.compareExchange(state, FLAGS, 0, NATIVE) === 0
}

/** Worker: after native code. */
export function leaveNative(state: GuardState): void {
  Atomics.and(state, FLAGS, ~NATIVE)
  Atomics.notify(state, FLAGS)
}
