import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

const program = fileURLToPath(new URL('./programs/abuse.mjs', import.meta.url))

interface End {
  readonly code: number | null
  readonly signal: string | null
  readonly outcomes: Readonly<Record<string, number>>
  readonly errors: string
}

/** Runs a part in a child process; one that hangs is killed, which shows as a signal. */
function abuse(what: 'files' | 'calls', from: number, to: number): Promise<End> {
  return new Promise((resolve) => {
    const args = [program, libtorchRoot, what, String(from), String(to)]
    const child = execFile(process.execPath, args, { timeout: 100_000 }, (_, stdout, stderr) => {
      const outcomes = stdout ? (JSON.parse(stdout) as End['outcomes']) : {}
      const errors = stderr.replace(/^\[W\d+ .*\n?/gm, '')
      resolve({ code: child.exitCode, signal: child.signalCode, outcomes, errors })
    })
  })
}

const total = (outcomes: End['outcomes'], prefix = ''): number =>
  Object.entries(outcomes).reduce((sum, [name, count]) => sum + (name.startsWith(prefix) ? count : 0), 0)

describeWithLibtorch('damage and misuse end in typed errors, never in the end of the process', () => {
  test.each([0, 500, 1000, 1500])(
    '500 damaged, cut and mislabelled files from %i on',
    { timeout: 120_000 },
    async (from) => {
      const { outcomes, ...rest } = await abuse('files', from, from + 500)
      expect(rest).toEqual({ code: 0, signal: null, errors: '' })
      expect(total(outcomes, 'load')).toBe(500)
      expect(total(outcomes, 'load FORMAT_UNSUPPORTED')).toBeGreaterThan(250)
      expect(Object.keys(outcomes)).not.toContain('load untyped')
      expect(Object.keys(outcomes)).not.toContain('run untyped')
    },
  )

  test('2,000 wrong calls', { timeout: 120_000 }, async () => {
    const { outcomes, ...rest } = await abuse('calls', 0, 2000)
    expect(rest).toEqual({ code: 0, signal: null, errors: '' })
    expect(total(outcomes)).toBe(2000)
    expect(outcomes.INPUT_INVALID).toBeGreaterThan(1000)
    expect(Object.keys(outcomes)).not.toContain('untyped')
  })
})
