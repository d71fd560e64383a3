// The same package in Bun and Deno: npm's packages of those names bring the binaries.
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ROOT, run, runToEnd } from '../../../tests/workspace.ts'

const PROGRAM = fileURLToPath(new URL('./programs/conformance.mjs', import.meta.url))
const RUNTIMES = [
  { name: 'bun', version: '1.4.5', args: [] },
  { name: 'deno', version: '2.9.6', args: ['run', '--allow-all'] },
]

/** Installs a runtime below `.cache`, once; returns its binary, or why there is none. */
async function findRuntime(name: string, version: string): Promise<{ binary: string } | { reason: string }> {
  const folder = join(ROOT, '.cache', name, version)
  const binary = join(folder, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name)
  if (existsSync(binary)) return { binary }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const { code, stderr } = await run(folder, 'npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`])
  if (code === 0 && existsSync(binary)) return { binary }
  return { reason: `npm cannot install ${name}@${version}: ${stderr.trim().split('\n').at(-1) ?? `it ended with ${code}`}` }
}

describe.each(RUNTIMES)('$name $version', async ({ name, version, args }) => {
  const found = await findRuntime(name, version)
  if ('reason' in found) {
    test(found.reason, ({ skip }) => {
      if (process.env.CI === 'true') throw new Error(found.reason)
      skip(found.reason)
    })
    return
  }

  test('every conformance case, and a bundle with all its goldens', async () => {
    const report = JSON.parse(await runToEnd(ROOT, found.binary, [...args, PROGRAM]))
    expect(report).toMatchObject({ failed: [], provider: 'wasm' })
    expect(report.passed).toBeGreaterThan(200)
    expect(report.verified).toBeGreaterThan(0)
  })
})
