import { expect, test } from 'vitest'
import { sweep } from '../../../tests/sweep.ts'
import { abuse, type End, total } from './abuse-program.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

const FILES = sweep(500, 200)
const CALLS = sweep(2000, 400)

async function run(what: 'files' | 'calls', from: number, to: number): Promise<End> {
  const end = await abuse('abuse.mjs', [libtorchRoot, what, String(from), String(to)], 100_000)
  // Without libtorch's warnings.
  return { ...end, errors: end.errors.replace(/^\[W\d+ .*\n?/gm, '') }
}

describeWithLibtorch('damage and misuse end in typed errors, never in the end of the process', () => {
  test.each(sweep([0, 500, 1000, 1500], [0]))(
    `${FILES} damaged, cut and mislabelled files from %i on`,
    { timeout: 120_000 },
    async (from) => {
      const { outcomes, ...rest } = await run('files', from, from + FILES)
      expect(rest).toEqual({ code: 0, signal: null, errors: '' })
      expect(total(outcomes, /^load/)).toBe(FILES)
      expect(total(outcomes, /^load FORMAT_UNSUPPORTED/)).toBeGreaterThan(FILES / 2)
      expect(Object.keys(outcomes)).not.toContain('load untyped')
      expect(Object.keys(outcomes)).not.toContain('run untyped')
    },
  )

  test(`${CALLS} wrong calls`, { timeout: 120_000 }, async () => {
    const { outcomes, ...rest } = await run('calls', 0, CALLS)
    expect(rest).toEqual({ code: 0, signal: null, errors: '' })
    expect(total(outcomes)).toBe(CALLS)
    expect(outcomes.INPUT_INVALID).toBeGreaterThan(CALLS / 2)
    expect(Object.keys(outcomes)).not.toContain('untyped')
  })
})
