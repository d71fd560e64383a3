import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeWithPackages, libtorchRoot, packagesFolder } from '../environment.ts'

const program = fileURLToPath(new URL('../programs/abuse-packages.mjs', import.meta.url))
const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))

interface End {
  readonly code: number | null
  readonly signal: string | null
  readonly outcomes: Readonly<Record<string, number>>
  readonly errors: string
}

/** Runs a part in a child process; one that hangs is killed, which shows as a signal. */
function abuse(what: 'files' | 'calls', from: number, to: number): Promise<End> {
  return new Promise((resolve) => {
    const args = [program, libtorchRoot, packagesFolder, fixtures, what, String(from), String(to)]
    const child = execFile(process.execPath, args, { timeout: 170_000 }, (_, stdout, errors) => {
      const outcomes = stdout ? (JSON.parse(stdout) as End['outcomes']) : {}
      resolve({ code: child.exitCode, signal: child.signalCode, outcomes, errors })
    })
  })
}

const total = (outcomes: End['outcomes'], pattern = /^/): number =>
  Object.entries(outcomes).reduce((sum, [name, count]) => sum + (pattern.test(name) ? count : 0), 0)

describeWithPackages('compiled models: damage and misuse end in typed errors, never in the end of the process', () => {
  test.each([0, 500, 1000, 1500])(
    '500 damaged, foreign and changed files from %i on',
    { timeout: 180_000 },
    async (from) => {
      const { outcomes, ...rest } = await abuse('files', from, from + 500)
      expect(rest).toEqual({ code: 0, signal: null, errors: '' })
      expect(total(outcomes, /^(?!run)/)).toBe(500)
      expect(total(outcomes, /untyped/)).toBe(0)
      // Code that was changed is never run.
      expect(total(outcomes, /^changed (?!UNTRUSTED_CODE|FORMAT_UNSUPPORTED)/)).toBe(0)
      expect(outcomes['changed UNTRUSTED_CODE']).toBeGreaterThan(100)
      expect(total(outcomes, /^foreign FORMAT_UNSUPPORTED/)).toBe(125)
      expect(outcomes['damaged FORMAT_UNSUPPORTED']).toBeGreaterThan(100)
      // What is not damaged in effect runs.
      expect(total(outcomes, /^run (?!fulfilled)/)).toBe(0)
    },
  )

  test('2,000 wrong calls', { timeout: 180_000 }, async () => {
    const { outcomes, ...rest } = await abuse('calls', 0, 2000)
    expect(rest).toEqual({ code: 0, signal: null, errors: '' })
    expect(total(outcomes)).toBe(2000)
    expect(outcomes.INPUT_INVALID).toBeGreaterThan(1000)
    expect(total(outcomes, /untyped/)).toBe(0)
  })
})
