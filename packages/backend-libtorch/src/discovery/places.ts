import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { rootsOf } from './read-root.ts'

/** Somewhere a libtorch may be. */
export interface Candidate {
  readonly from: FoundLibtorch['from']
  /** Folders to look into, in order. */
  readonly roots: readonly string[]
  /** What was asked, for the report: a path, a variable's value, a program. */
  readonly asked: string
  /** Somebody named it: when it does not work, that is an error and the search ends. */
  readonly named: boolean
  /** Why there is nothing to look into. */
  readonly reason?: string
}

/** `site-packages` folders of a Python prefix. */
function sitePackages(prefix: string): string[] {
  if (process.platform === 'win32') return [join(prefix, 'Lib', 'site-packages')]
  try {
    return readdirSync(join(prefix, 'lib'))
      .filter((name) => /^python3\.\d+$/.test(name))
      .sort((a, b) => Number(b.slice(8)) - Number(a.slice(8)))
      .map((name) => join(prefix, 'lib', name, 'site-packages'))
  } catch {
    return []
  }
}

function fromEnvironmentPrefix(variable: string, prefix: string): Candidate {
  const roots = sitePackages(prefix).map((folder) => join(folder, 'torch'))
  const asked = `${variable}=${prefix}`
  if (roots.length > 0) return { from: 'virtual environment', roots, asked, named: false }
  return { from: 'virtual environment', roots, asked, named: false, reason: 'no Python in it' }
}

const FIND_TORCH = 'import importlib.util as u; s = u.find_spec("torch"); print(s.origin if s and s.origin else "")'

/** By `PATH`: to ask takes a tenth of a second, and a folder that was found stays. */
const answered = new Map<string | undefined, Candidate>()

/** Asks Python where torch is, which does not import torch. */
async function askPython(env: NodeJS.ProcessEnv): Promise<Candidate> {
  const known = answered.get(env.PATH)
  if (known) return known
  const answer = await startPython(env)
  if (answer.roots.length > 0) answered.set(env.PATH, answer)
  return answer
}

function startPython(env: NodeJS.ProcessEnv): Promise<Candidate> {
  const program = process.platform === 'win32' ? 'python' : 'python3'
  const base = { from: 'python3', asked: program, named: false } as const
  return new Promise((resolve) => {
    execFile(program, ['-c', FIND_TORCH], { env, timeout: 20_000, windowsHide: true }, (error, stdout) => {
      const origin = stdout.trim()
      if (error) resolve({ ...base, roots: [], reason: `${program} could not be asked (${error.code ?? 'failed'})` })
      else if (!origin) resolve({ ...base, roots: [], reason: 'its Python has no torch' })
      else resolve({ ...base, roots: [join(origin, '..')] })
    })
  })
}

const SYSTEM_ROOTS =
  process.platform === 'darwin'
    ? ['/opt/homebrew', '/usr/local', '/usr/local/libtorch']
    : ['/usr', '/usr/local', '/usr/local/libtorch', '/opt/libtorch']

/**
 * Every place in the order of preference: the option, `LIBTORCH`, the active virtual environment, `python3`, the system.
 * Generated one after the other, so that Python is only asked when nothing before it has a libtorch.
 */
export async function* candidates(option: string | null, env: NodeJS.ProcessEnv): AsyncGenerator<Candidate> {
  if (option) yield { from: 'option', roots: rootsOf(option, sitePackages), asked: option, named: true }
  if (env.LIBTORCH) {
    const roots = rootsOf(env.LIBTORCH, sitePackages)
    yield { from: 'LIBTORCH', roots, asked: `LIBTORCH=${env.LIBTORCH}`, named: true }
  }
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const prefix = env[variable]
    if (prefix) yield fromEnvironmentPrefix(variable, prefix)
  }
  yield await askPython(env)
  for (const root of SYSTEM_ROOTS) yield { from: 'system', roots: [root], asked: root, named: false }
}
