// Ctrl-C in a terminal, with and without npx: a terminal sends it to all of its programs, and npx hands it on once more.
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM_PATH, ROOT, runInTerminal, temporaryFolder } from './program.ts'

const SERVE = [
  'serve',
  join(ROOT, 'examples/bundles/digits'),
  '--port',
  '0',
  '--backend',
  'onnx-node',
  '--threads',
  '1',
]

/** A folder in which `npx tensorferry` is this program. */
async function npxFolder(): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
  await symlink(PROGRAM_PATH, join(folder, 'node_modules/.bin/tensorferry'))
  await writeFile(join(folder, 'package.json'), '{"name":"app","private":true}')
  return folder
}

test('without npx: it drains, exit code 0', async () => {
  const { code, output } = await runInTerminal([process.execPath, PROGRAM_PATH, ...SERVE], {
    cwd: ROOT,
    ready: 'http://',
    presses: 1,
  })
  expect(output).toContain('ending')
  expect(code).toBe(0)
})

/** npx ends by the signal itself, whatever its program says: a shell calls that 130. */
const BY_SIGINT = -2

test('with npx one press is one, though it comes twice: it drains', async () => {
  // Long enough that a second signal, taken for a second press, would end it before.
  const { code, output } = await runInTerminal(['npx', 'tensorferry', ...SERVE, '--unready-delay', '700'], {
    cwd: await npxFolder(),
    ready: 'http://',
    presses: 1,
  })
  expect(output).toContain('ending')
  expect(output).toContain('unloaded digits')
  expect(code).toBe(BY_SIGINT)
})

test('a second press, later than the first, ends it at once', async () => {
  const { code, output } = await runInTerminal(['npx', 'tensorferry', ...SERVE, '--unready-delay', '600000'], {
    cwd: await npxFolder(),
    ready: 'http://',
    presses: 2,
  })
  expect(output).not.toContain('unloaded')
  expect(code).toBe(BY_SIGINT)
})
