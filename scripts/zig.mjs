// zig, which comes from PyPI as one pinned package: the same zig gives the same bytes, wherever it runs.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ZIG_VERSION = '0.17.1'
const folder = fileURLToPath(new URL(`../.cache/zig-${ZIG_VERSION}`, import.meta.url))

/** Runs a command to its end; one that fails ends the process with what it wrote. */
export function runOrExit(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status === 0) return stdout
  process.stderr.write(`${command} ${args.join(' ')}\n${error ?? ''}${stdout ?? ''}${stderr ?? ''}`)
  process.exit(1)
}

/** Path of the compiler; installed below `.cache` when it is not there. */
export function findZig() {
  const zig = join(folder, 'ziglang', process.platform === 'win32' ? 'zig.exe' : 'zig')
  if (!existsSync(zig)) {
    const python = process.env.TENSORFERRY_PYTHON ?? 'python3'
    const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', folder]
    runOrExit(python, [...install, `ziglang==${ZIG_VERSION}`])
  }
  return zig
}
