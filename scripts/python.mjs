// Brings the Python that the exporter and the golden checks need: a venv of the repo's own, or the one TENSORFERRY_PYTHON names.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describeTorch, installCpuTorch, pinnedTorch, torchOf } from './cpu-torch.mjs'
import { changedSince, root, run, stop } from './pnpm.mjs'

/** Folders with Python in them, for ruff. */
export const PYTHON_FOLDERS = [
  'packages/exporter',
  'packages/core/test',
  'packages/backend-libtorch/scripts',
  'packages/backend-libtorch/test',
  'packages/backend-onnx-web/test',
  'packages/backend-remote/test',
  'packages/server/test',
  'packages/cli/src',
  'examples',
  'tests',
  'benchmarks',
]

const REQUIREMENTS = 'packages/exporter/requirements.txt'
const venv = join(root, '.venv')
const venvPython = process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python')

function findPython() {
  for (const name of ['python3', 'python']) {
    const found = spawnSync(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' })
    if (found.status !== 0) continue
    const [major, minor] = found.stdout.trim().split('.').map(Number)
    if (major === 3 && minor >= 10) return name
    stop(
      `Python 3.10 or newer is needed, ${name} is ${found.stdout.trim()}. Set TENSORFERRY_PYTHON to a newer one with the packages of ${REQUIREMENTS}.`,
    )
  }
  stop('Python 3.10 or newer is needed, none was found. Install it, or set TENSORFERRY_PYTHON.')
}

async function createVenv(python) {
  if ((await run(python, ['-m', 'venv', venv])) === 0) return
  rmSync(venv, { recursive: true, force: true })
  // Debian keeps venv in a package of its own.
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (isRootOnDebian) {
    await run('apt-get', ['update', '-q'])
    await run('apt-get', ['install', '-y', '-q', 'python3-venv'])
    if ((await run(python, ['-m', 'venv', venv])) === 0) return
  }
  stop(`${python} -m venv failed. On Debian and Ubuntu: apt-get install python3-venv. Or set TENSORFERRY_PYTHON.`)
}

/** The same Python when it is there already, else null. */
export function readyPython() {
  if (process.env.TENSORFERRY_PYTHON) return process.env.TENSORFERRY_PYTHON
  return changedSince('python', [REQUIREMENTS], [venvPython.slice(root.length)]).isFresh ? venvPython : null
}

/** Path of a Python with everything in requirements.txt; installs it on first use (about half a minute, and PyTorch's download). */
export async function ensurePython() {
  if (process.env.TENSORFERRY_PYTHON) return process.env.TENSORFERRY_PYTHON
  const stamp = changedSince('python', [REQUIREMENTS], [venvPython.slice(root.length)])
  if (stamp.isFresh) return venvPython
  stamp.begin()
  console.log('Installing Python packages (PyTorch among them, this can take minutes) ...')
  if (!existsSync(venvPython)) await createVenv(findPython())
  // Elsewhere than on Linux PyPI's own build has no CUDA.
  const version = process.platform === 'linux' ? pinnedTorch(join(root, REQUIREMENTS)) : null
  const reason = version === null ? null : await installCpuTorch(venvPython, version)
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--progress-bar', 'on', '-q']
  // A PyTorch that is there already has the version that is asked for.
  if ((await run(venvPython, [...pip, '-r', join(root, REQUIREMENTS)])) !== 0) {
    stop('The Python packages could not be installed; the lines above say why.')
  }
  console.log(describeTorch(torchOf(venvPython), reason))
  stamp.done()
  return venvPython
}
