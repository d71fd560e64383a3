// PyTorch for the repository's Python: the build for the CPU where it can be had. What PyPI has for Linux is built for CUDA,
// gigabytes that no test needs.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { runQuietly } from './pnpm.mjs'

/** PyTorch's own index of builds without CUDA. */
const CPU_INDEX = 'https://download.pytorch.org/whl/cpu'

/** The version that a file of requirements pins. */
export function pinnedTorch(requirements) {
  return /^torch==([\d.]+)$/m.exec(readFileSync(requirements, 'utf8'))?.[1] ?? null
}

/**
 * Installs the build for the CPU: one question to its index, without a second try.
 *
 * @param python - the environment's
 * @param version - such as `2.13.0`
 * @param more - further arguments of pip, and another index, for tests
 * @returns why it could not be had; null: it is installed
 */
export async function installCpuTorch(python, version, { index = CPU_INDEX, more = [] } = {}) {
  // --no-deps: what it needs is pinned, and comes from the usual index.
  const once = ['-q', '--disable-pip-version-check', '--no-deps', '--timeout', '10', '--retries', '0']
  const from = ['--index-url', index, ...more, `torch==${version}+cpu`]
  const { code, output } = await runQuietly(python, ['-m', 'pip', 'install', ...once, ...from])
  if (code === 0) return null
  if (/No matching distribution/.test(output)) return `${index} cannot be reached, or has none for this Python`
  return `pip: ${output.trim().split('\n').at(-1)}`
}

const FIND = 'import importlib.util as u; s = u.find_spec("torch"); print(s.origin if s else "")'

/** The PyTorch that a Python has, read from its files; null: none. */
export function torchOf(python) {
  const { stdout } = spawnSync(python, ['-c', FIND], { encoding: 'utf8' })
  const origin = stdout?.trim()
  if (!origin) return null
  const text = readFileSync(origin.replace(/__init__\.py$/, 'version.py'), 'utf8')
  const value = (name) => new RegExp(`^${name}\\s*(?::[^=\\n]*)?=\\s*['"]([^'"]+)['"]`, 'm').exec(text)?.[1] ?? null
  return { version: value('__version__'), cuda: value('cuda') }
}

/** One line: which build was taken, and why it is not the one for the CPU. */
export function describeTorch(torch, reason) {
  if (!torch) return 'PyTorch: none'
  if (torch.cuda === null) return `PyTorch ${torch.version}, a build without CUDA`
  const why = reason === null ? '' : `; the build for the CPU could not be had: ${reason}`
  return `PyTorch ${torch.version}, a build for CUDA ${torch.cuda}${why}`
}
