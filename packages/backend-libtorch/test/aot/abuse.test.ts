import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { sweep } from '../../../../tests/sweep.ts'
import { abuse, total } from '../abuse-program.ts'
import { describeWithPackages, libtorchRoot, packagesFolder } from '../environment.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))

const FILES = sweep(500, 200)
const CALLS = sweep(2000, 400)

const run = (what: 'files' | 'calls', from: number, to: number) =>
  abuse('abuse-packages.mjs', [libtorchRoot, packagesFolder, fixtures, what, String(from), String(to)], 170_000)

describeWithPackages('compiled models: damage and misuse end in typed errors, never in the end of the process', () => {
  test.each(sweep([0, 500, 1000, 1500], [0]))(
    `${FILES} damaged, foreign and changed files from %i on`,
    { timeout: 180_000 },
    async (from) => {
      const { outcomes, ...rest } = await run('files', from, from + FILES)
      expect(rest).toEqual({ code: 0, signal: null, errors: '' })
      expect(total(outcomes, /^(?!run)/)).toBe(FILES)
      expect(total(outcomes, /untyped/)).toBe(0)
      // Code that was changed is never run.
      expect(total(outcomes, /^changed (?!UNTRUSTED_CODE|FORMAT_UNSUPPORTED)/)).toBe(0)
      expect(outcomes['changed UNTRUSTED_CODE']).toBeGreaterThan(FILES / 5)
      expect(total(outcomes, /^foreign FORMAT_UNSUPPORTED/)).toBe(FILES / 4)
      expect(outcomes['damaged FORMAT_UNSUPPORTED']).toBeGreaterThan(FILES / 5)
      // What is not damaged in effect runs.
      expect(total(outcomes, /^run (?!fulfilled)/)).toBe(0)
    },
  )

  test(`${CALLS} wrong calls`, { timeout: 180_000 }, async () => {
    const { outcomes, ...rest } = await run('calls', 0, CALLS)
    expect(rest).toEqual({ code: 0, signal: null, errors: '' })
    expect(total(outcomes)).toBe(CALLS)
    expect(outcomes.INPUT_INVALID).toBeGreaterThan(CALLS / 2)
    expect(total(outcomes, /untyped/)).toBe(0)
  })
})
