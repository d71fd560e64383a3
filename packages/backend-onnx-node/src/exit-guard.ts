/**
 * Ending a worker thread while it is inside native code aborts the whole process (exit code 134), and `process.exit()`
 * ends all workers. So each worker shares a flag with the main thread: the worker raises it around native code, and when
 * the process exits, the main thread bars the flag and waits until it is down.
 */

/** Index of the flags. */
const FLAGS = 0
/** From here on, the ids of runs that the worker shall not start; more cells than runs are ever sent ahead. */
const SKIPPED = 1
const SKIPPED_CELLS = 8
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

/** State for a new worker, to be guarded before it gets anything to do. */
export function makeGuardState(): GuardState {
  return new Int32Array(new SharedArrayBuffer(4 * (SKIPPED + SKIPPED_CELLS)))
}

/** From now on `process.exit()` waits for that worker's native code. */
export function guardWorker(state: GuardState): void {
  if (guarded.size === 0) process.on('exit', barAndDrain)
  guarded.add(state)
}

/** To be called once the worker has ended or has nothing left to do; the last call takes the process's listener away. */
export function unguardWorker(state: GuardState): void {
  if (guarded.delete(state) && guarded.size === 0) process.off('exit', barAndDrain)
}

/** Main thread: asks that a run be left out, if it has not begun. */
export function skipRun(state: GuardState, id: number): void {
  Atomics.store(state, SKIPPED + (id % SKIPPED_CELLS), id)
}

/** Main thread: forgets what was asked of an idle worker; another session counts its runs anew. */
export function skipNothing(state: GuardState): void {
  for (let cell = SKIPPED; cell < SKIPPED + SKIPPED_CELLS; cell++) Atomics.store(state, cell, 0)
}

/** Worker: whether the run shall be left out. */
export function isSkipped(state: GuardState, id: number): boolean {
  return Atomics.load(state, SKIPPED + (id % SKIPPED_CELLS)) === id
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
