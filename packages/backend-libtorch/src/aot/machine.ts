import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The machine that a compiled model would run on. */
export interface Machine {
  /** As Python's `sys.platform`. */
  readonly platform: string
  /** As Python's `platform.machine()`. */
  readonly machine: string
  /** Features of the CPU by Linux's names; null: this system does not tell. */
  readonly features: ReadonlySet<string> | null
}

const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

function linuxFeatures(): ReadonlySet<string> | null {
  try {
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
    return line === undefined ? null : new Set(line.trim().split(/\s+/))
  } catch {
    return null
  }
}

const APPLE: Readonly<Record<string, string>> = {
  'SSE4.1': 'sse4_1',
  'SSE4.2': 'sse4_2',
  SSE3: 'pni',
  BMI1: 'bmi1',
  LZCNT: 'abm',
  'AVX1.0': 'avx',
}

function appleFeatures(): ReadonlySet<string> | null {
  // Every one of Apple's own has them.
  if (process.arch === 'arm64') return new Set(['asimd', 'asimdhp', 'asimddp', 'atomics', 'sha3', 'asimdfhm'])
  const keys = ['machdep.cpu.features', 'machdep.cpu.leaf7_features', 'machdep.cpu.extfeatures']
  try {
    const text = execFileSync('/usr/sbin/sysctl', ['-n', ...keys], { encoding: 'utf8', timeout: 5000 })
    return new Set(text.split(/\s+/).map((name) => APPLE[name] ?? name.toLowerCase()))
  } catch {
    return null
  }
}

let read: Machine | null = null

/** This machine, read once. */
export function thisMachine(): Machine {
  read ??= {
    platform: process.platform,
    machine:
      process.platform === 'darwin' && process.arch === 'arm64' ? 'arm64' : (MACHINES[process.arch] ?? process.arch),
    features: process.platform === 'linux' ? linuxFeatures() : process.platform === 'darwin' ? appleFeatures() : null,
  }
  return read
}
