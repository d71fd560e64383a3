import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { EXIT_CODES, runCommandLine } from '../dist/index.js'
import { answerOf, ROOT, SAMPLES, start, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const COMMANDS = ['run', 'serve', 'inspect', 'verify', 'bench', 'types', 'deploy', 'doctor', 'init']

describe('help', () => {
  test('lists every command, the exit codes, the environment and examples', async () => {
    const { code, stdout, stderr } = await tensorferry(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of [...COMMANDS, 'completion']) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
    for (const exit of Object.values(EXIT_CODES)) expect(stdout).toMatch(new RegExp(`^  ${exit} +\\S`, 'm'))
    expect(stdout).toContain('TENSORFERRY_BACKEND')
    expect(stdout).toContain('Examples:')
  })

  test.each([...COMMANDS, 'completion'])('%s --help has examples that the command knows', async (command) => {
    const { code, stdout } = await tensorferry([command, '--help'])
    expect(code).toBe(0)
    const [usage, examples] = stdout.split('Examples:') as [string, string]
    const ours = examples.split('\n').filter((line) => line.includes('tensorferry'))
    const used = ours.flatMap((line) => Array.from(line.matchAll(/ (--[a-z-]+)/g), ([, option]) => option!))
    for (const option of used) expect(usage, option).toContain(option)
    expect(examples).toContain(`tensorferry ${command}`)
    if (command !== 'completion') expect(usage).toContain('--json')
  })

  test('no line is wider than 120 columns', async () => {
    for (const command of [[], ...COMMANDS.map((name) => [name])]) {
      const { stdout } = await tensorferry([...command, '--help'])
      expect(stdout.split('\n').filter((line) => line.length > 130)).toEqual([])
    }
  })

  test('--version is the package’s', async () => {
    expect((await tensorferry(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('exit codes', () => {
  test.each([
    [[], 2, /Usage: tensorferry/],
    [['runn'], 2, /unknown command 'runn'\n\(Did you mean run\?\)/],
    [['run', DIGITS], 2, /missing required argument 'files'/],
    [['run', DIGITS, 'x.png', '--thread', '1'], 2, /unknown option '--thread'\n\(Did you mean --threads\?\)/],
    [['verify', DIGITS, 'extra'], 2, /too many arguments/],
    [['run', DIGITS, 'x.png', '--verify', 'some'], 2, /Allowed choices are off, smoke, full/],
    [['inspect', 'nowhere'], 3, /NOT_FOUND: no file or folder/],
    [['inspect', SAMPLES], 3, /NOT_FOUND: no file "bundle.json" in/],
    [['run', SAMPLES, 'x.png'], 3, /NOT_FOUND: no file "bundle.json" in/],
    [['run', join(SAMPLES, '1.png'), 'x.png'], 3, /FORMAT_UNSUPPORTED/],
    [['run', DIGITS, 'x.png', '--backend', 'nosuch'], 4, /BACKEND_NOT_INSTALLED/],
    [['run', DIGITS, 'x.png'], 1, /failed: x\.png: NOT_FOUND/],
  ])('%j ends with %i', async (args, expected, message) => {
    const { code, stdout, stderr } = await tensorferry(args)
    expect({ code, stdout, stderr }).toEqual({ code: expected, stdout: '', stderr: expect.stringMatching(message) })
  })

  test.each([
    [['run'], 2, 'OPTIONS_INVALID'],
    [['nosuch'], 2, 'OPTIONS_INVALID'],
    [['inspect', 'nowhere'], 3, 'NOT_FOUND'],
    [['run', DIGITS, 'x.png', '-b', 'nosuch'], 4, 'BACKEND_NOT_INSTALLED'],
  ])('%j --json: one document with the error', async (args, expected, errorCode) => {
    const { code, answer } = await answerOf(args)
    expect({ code, error: answer.error.code }).toEqual({ code: expected, error: errorCode })
    expect(answer.error.message.length).toBeGreaterThan(5)
  })

  test('a reader that has seen enough is no error', async () => {
    const { child, ended } = start(['inspect', DIGITS])
    child.stdout.destroy()
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})

describe('colours', () => {
  const ESCAPE = '\u001b['
  test('none where no terminal is, nor in CI', async () => {
    const { stdout, stderr } = await tensorferry(['run', DIGITS, join(SAMPLES, '1.png'), 'x.png'], {
      env: { CI: 'true' },
    })
    expect(stdout + stderr).not.toContain(ESCAPE)
  })
  test('FORCE_COLOR switches them on, NO_COLOR off', async () => {
    const args = ['run', DIGITS, join(SAMPLES, '1.png')]
    expect((await tensorferry(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain(ESCAPE)
    expect((await tensorferry(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain(ESCAPE)
  })

  const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0
  test.runIf(hasScript)('on a terminal, with a bar that goes away', async () => {
    const program = fileURLToPath(new URL('../dist/main.js', import.meta.url))
    const command = `"${process.execPath}" "${program}" run "${DIGITS}" "${SAMPLES}"`
    const { NO_COLOR: _, ...env } = process.env
    const onTerminal = { ...env, TERM: 'xterm', FORCE_COLOR: '' }
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: onTerminal,
      input: '',
    })
    expect(stdout).toMatch(/ran █*░+ \d+ of 10/)
    expect(stdout).toContain(`${ESCAPE}1mfile`)
  })
})

test('runs inside a program with a terminal of its own', async () => {
  const printed: string[] = []
  const plain = { bold: String, dim: String, red: String, green: String, yellow: String }
  const terminal = {
    print: (text: string) => printed.push(text),
    note: (text: string) => printed.push(text),
    write: async () => undefined,
    read: async () => new Uint8Array(),
    colors: plain,
    noteColors: plain,
    width: 80,
    printsToTerminal: false,
    bar: null,
  } as unknown as NonNullable<Parameters<typeof runCommandLine>[1]>['terminal']
  expect(await runCommandLine(['inspect', DIGITS], { terminal: terminal! })).toBe(EXIT_CODES.DONE)
  expect(printed.join('\n')).toContain('digits 1.0.0')
})

test('a folder that is not a project works as well', async () => {
  const cwd = await temporaryFolder()
  expect((await tensorferry(['inspect', DIGITS], { cwd })).code).toBe(0)
})
