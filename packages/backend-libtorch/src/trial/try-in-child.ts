import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { cacheFolder } from '@tensorferry/core/node'
import { packageFolder } from '../build/package-folder.ts'
import { BEGUN, REFUSED, type TrialRequest } from './request.ts'

/** Minutes that a load and a run with the smallest inputs may take. */
const LONGEST = 10

/** Characters of stderr that are kept, of its beginning and of its end. */
const MOST = 8000

/** How native code ended the process that tried it. */
export interface Fault {
  /** Such as `SIGILL`, or `code 127`. */
  readonly how: string
  /** The first lines that it wrote to stderr, and the last. */
  readonly stderr: string
}

/** The environment without what was meant for this process alone: a debugger's port, a loader of sources. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env
  // Under Electron `execPath` is the application.
  return process.versions.electron ? { ...env, ELECTRON_RUN_AS_NODE: '1' } : env
}

function unavailable(reason: string): TensorferryError {
  return new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `native code could not be tried in a process of its own: ${reason}; pass trial: false to run it here all the same`,
    { details: { reason } },
  )
}

function run(request: TrialRequest): Promise<Fault | null> {
  const program = join(packageFolder(), 'dist', 'trial.js')
  if (!existsSync(program)) return Promise.reject(unavailable(`${program} is not there`))
  return new Promise((resolve, reject) => {
    let child: ReturnType<typeof spawn>
    try {
      child = spawn(process.execPath, [program], { env: environment(), stdio: 'pipe', windowsHide: true })
    } catch (error) {
      // Node's permission model.
      return reject(unavailable((error as Error).message))
    }
    const { stdin, stdout, stderr } = child
    let out = ''
    let errors = ''
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, LONGEST * 60_000)
    stdout!.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    stderr!.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
      // The reason comes first, before a stack of any length; what broke comes last.
      if (errors.length > 2 * MOST) errors = `${errors.slice(0, MOST)}\n…\n${errors.slice(-MOST)}`
    })
    // It may have ended before it read anything.
    stdin!.on('error', () => {})
    stdin!.end(JSON.stringify(request))
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(unavailable(error.message))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0 || code === REFUSED) return resolve(null)
      if (!out.includes(BEGUN)) return reject(unavailable(errors.trim() || `it ended with ${signal ?? `code ${code}`}`))
      resolve({ how: isLate ? `no end in ${LONGEST} minutes` : (signal ?? `code ${code}`), stderr: errors.trim() })
    })
  })
}

/**
 * Opens and runs native code in a process of its own first: a fault in it ends that one, not the caller's. What went well
 * is noted in the cache folder, and not tried again.
 *
 * @param facts - all that the outcome hangs on: the libtorch, the machine, the content of the libraries
 * @returns null: it may run here
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when no process can be started
 */
export async function tryInChild(request: TrialRequest, facts: readonly string[]): Promise<Fault | null> {
  const key = createHash('sha256')
    .update(JSON.stringify([request.kind, process.version, ...facts]))
    .digest('hex')
  const folder = join(cacheFolder(), 'tried')
  const mark = join(folder, key.slice(0, 40))
  if (existsSync(mark)) return null
  const fault = await run(request)
  if (fault) return fault
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(mark, '')
  } catch {
    // A folder that cannot be written: the next process tries it again.
  }
  return null
}
