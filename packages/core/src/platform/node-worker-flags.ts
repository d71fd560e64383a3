/** Flags that say how modules are found, what may be loaded, and what is printed: they hold for every thread. */
const KEPT = /^--(?:preserve-symlinks(?:-main)?|no-addons|no-warnings|no-deprecation)$/

/** Takes a value, behind `=` or as the next argument. */
const KEPT_WITH_VALUE = '--disable-warning'

/**
 * Flags for a worker thread that runs a library's own file, as `execArgv` of Node's `Worker`. By default a worker takes the
 * flags of the process, which were meant for the app: with `node --input-type=module -e …` it does not start, and `--import`
 * and `--require` load the app's hooks once more in every thread. V8's flags, such as `--max-old-space-size`, hold for the
 * whole process and need not be handed on.
 *
 * @param flags - of this thread; default: `process.execArgv`
 * @returns those that concern every thread
 */
export function workerFlags(flags: readonly string[] = process.execArgv): string[] {
  return flags.filter(
    (flag, index) => KEPT.test(flag) || flag.split('=')[0] === KEPT_WITH_VALUE || flags[index - 1] === KEPT_WITH_VALUE,
  )
}
