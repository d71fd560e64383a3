import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const COMMAND = fileURLToPath(new URL('../../packages/backend-libtorch/dist/cli.js', import.meta.url))
const MEASURED = `
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": ended.returncode, "cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - start}))
`

/** Seconds of CPU, of all processes, that building the TorchScript addon into an empty cache takes. */
export function buildTime({ python, libtorch }) {
  const cache = mkdtempSync(join(tmpdir(), 'addon-build-'))
  try {
    const args = ['-c', MEASURED, process.execPath, COMMAND, 'build', '--libtorch', libtorch.root]
    const { stdout, stderr } = spawnSync(python, args, {
      encoding: 'utf8',
      env: { ...process.env, TENSORFERRY_CACHE: cache },
    })
    const { code, cpu, wall } = JSON.parse(stdout || '{}')
    if (code !== 0) throw new Error(`the build ended with ${code}\n${stderr}`)
    return { value: cpu, wall }
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}
