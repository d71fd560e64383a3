import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryFolder, tensorferry } from './program.ts'

const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** What the program gives a shell for a line with the cursor at its end. */
async function complete(shell: string, line: string): Promise<readonly string[]> {
  const words = line.split(' ')
  const env = { SHELL: shell, COMP_LINE: line, COMP_POINT: String(line.length), COMP_CWORD: String(words.length - 1) }
  const { code, stdout } = await tensorferry(['completion-server', '--', ...words], { env })
  expect(code).toBe(0)
  return stdout.split('\n').filter(Boolean)
}

describe('suggestions', () => {
  test.each([
    [
      'tensorferry ',
      ['run', 'serve', 'inspect', 'verify', 'bench', 'types', 'deploy', 'doctor', 'init', 'completion', 'help'],
    ],
    ['tensorferry ve', ['verify']],
    ['tensorferry run x --ba', ['--backend', '--backend-option']],
    ['tensorferry run --verify ', ['off', 'smoke', 'full']],
    ['tensorferry run --verify s', ['smoke']],
    ['tensorferry verify x -b onnx', ['onnx-node', 'onnx-web']],
    ['tensorferry serve x --json', ['--json-threads', '--json']],
    ['tensorferry serve x --pi', ['--pipeline-threads']],
    ['tensorferry completion ', ['bash', 'zsh', 'fish', 'pwsh']],
    ['tensorferry help be', ['bench']],
    ['tensorferry deploy ku', ['kubernetes']],
    ['tensorferry deploy --cpus 2 co', ['compose']],
    ['tensorferry deploy kserve di', []],
    // A file: bash completes it by itself.
    ['tensorferry run di', []],
    ['tensorferry verify x --html ', []],
  ])('%j', async (line, expected) => {
    expect(await complete('bash', line)).toEqual(expected)
  })

  test('other shells get descriptions, and a mark for files', async () => {
    expect(await complete('fish', 'tensorferry ver')).toEqual([expect.stringMatching(/^verify\treplay a bundle/)])
    expect(await complete('zsh', 'tensorferry ver')).toEqual([expect.stringMatching(/^verify:replay a bundle/)])
    expect(await complete('zsh', 'tensorferry run di')).toEqual(['__tabtab_complete_files__'])
  })
})

describe.each(['bash', 'zsh', 'fish', 'pwsh'])('%s', (shell) => {
  test('its script names the program', async () => {
    const { code, stdout } = await tensorferry(['completion', shell])
    expect(code).toBe(0)
    expect(stdout).toContain('completion-server')
    expect(stdout).toContain('tensorferry')
  })
})

const hasBash = process.platform !== 'win32' && spawnSync('bash', ['--version']).status === 0
test.runIf(hasBash)('bash completes with the script', async () => {
  const folder = await temporaryFolder()
  await chmod(PROGRAM, 0o755)
  await symlink(PROGRAM, join(folder, 'tensorferry'))
  await writeFile(join(folder, 'script'), (await tensorferry(['completion', 'bash'])).stdout)
  const program = `source ./script
COMP_LINE="tensorferry ver" COMP_POINT=15 COMP_WORDS=(tensorferry ver) COMP_CWORD=1
_tensorferry_completion
printf '%s\\n' "\${COMPREPLY[@]}"`
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` }
  expect(execFileSync('bash', ['--norc', '-c', program], { cwd: folder, env, encoding: 'utf8' })).toBe('verify\n')
})

test('an unknown shell is a wrong command line', async () => {
  const { code, stderr } = await tensorferry(['completion', 'tcsh'])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('bash, zsh, fish, pwsh') })
})
