import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const REQUIREMENTS = fileURLToPath(new URL('requirements/', import.meta.url))
const PEERS = fileURLToPath(new URL('../../.cache/peers/', import.meta.url))
/** Installing the largest set takes a minute or two; whoever waits longer than this waits for something that hangs. */
const LONGEST_WAIT_MS = 10 * 60_000

const ready = new Map<string, Promise<string>>()

/**
 * A Python with the packages of `tests/serving/requirements/NAME.txt`, in an environment of its own in `.cache/peers/NAME`.
 * Made on first use, made anew when the requirements change; test files that ask at the same time wait for the first.
 *
 * @returns absolute path of the environment's `python`; its programs lie beside it
 * @throws Error with pip's words when the packages cannot be installed
 */
export function peerPython(name: string): Promise<string> {
  let python = ready.get(name)
  if (!python) {
    python = ensure(name)
    ready.set(name, python)
  }
  return python
}

async function ensure(name: string): Promise<string> {
  const requirements = join(REQUIREMENTS, `${name}.txt`)
  const wanted = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
  const folder = join(PEERS, name)
  const stamp = join(folder, 'requirements.sha256')
  const python = join(folder, 'bin', 'python')
  const isFresh = async (): Promise<boolean> => (await readFile(stamp, 'utf8').catch(() => '')) === wanted

  if (await isFresh()) return python
  await mkdir(PEERS, { recursive: true })
  await withLock(`${folder}.lock`, async () => {
    if (await isFresh()) return
    await rm(folder, { recursive: true, force: true })
    const made = await run('python3', ['-m', 'venv', folder])
    if (made !== null) {
      throw new Error(
        `python3 -m venv failed (Debian and Ubuntu keep it in a package: apt-get install python3-venv)\n${made}`,
      )
    }
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '-q', '-r', requirements]
    const failed = await run(python, pip)
    if (failed !== null) throw new Error(`the packages of ${name}.txt could not be installed\n${failed}`)
    await writeFile(stamp, wanted)
  })
  return python
}

/** Null when it ended well, else what it printed. */
function run(command: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PYTHONPATH: '' } })
    let printed = ''
    const add = (chunk: Buffer): void => {
      printed = (printed + chunk.toString()).slice(-4000)
    }
    child.stdout.on('data', add)
    child.stderr.on('data', add)
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? null : printed))
  })
}

/** One at a time across processes: the folder is the lock, the file in it says whose it is. */
async function withLock(lock: string, work: () => Promise<void>): Promise<void> {
  const owner = join(lock, 'pid')
  const end = Date.now() + LONGEST_WAIT_MS
  while (!(await take(lock, owner))) {
    if (Date.now() > end)
      throw new Error(`${lock} has been held for ${LONGEST_WAIT_MS / 60_000} minutes; remove it if nothing installs`)
    await wait(250)
  }
  try {
    await work()
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

async function take(lock: string, owner: string): Promise<boolean> {
  try {
    await mkdir(lock)
    await writeFile(owner, String(process.pid))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const pid = Number(await readFile(owner, 'utf8').catch(() => '0'))
  if (pid > 0 && !isRunning(pid)) {
    await rm(lock, { recursive: true, force: true })
  }
  return false
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Absolute path of a program that the packages bring, such as `mlserver`. */
export async function peerProgram(name: string, program: string): Promise<string> {
  const path = join(dirname(await peerPython(name)), program)
  if (existsSync(path)) return path
  throw new Error(`${name}.txt installs no program ${program}`)
}
