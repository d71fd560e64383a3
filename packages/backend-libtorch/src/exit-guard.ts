/** What must end its threads before the process may end. */
interface Stoppable {
  /** @param exitCode - of the process, for one that cannot wait any longer */
  stop(exitCode: number): void
}

const guarded = new Set<Stoppable>()

function stopAll(exitCode: number): void {
  for (const engine of guarded) engine.stop(exitCode)
}

/** From now on the end of the process waits for this engine's run in progress: libtorch cannot be torn down under it. */
export function guard(engine: Stoppable): void {
  if (guarded.size === 0) process.on('exit', stopAll)
  guarded.add(engine)
}

/** Once the threads have ended; the last call takes the process's listener away. */
export function unguard(engine: Stoppable): void {
  if (guarded.delete(engine) && guarded.size === 0) process.off('exit', stopAll)
}
