import { expect, test } from 'vitest'
import { abuse, type End, total } from './abuse-program.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

async function run(what: 'files' | 'calls', from: number, to: number): Promise<End> {
  const end = await abuse('abuse.mjs', [libtorchRoot, what, String(from), String(to)], 100_000)
  // Without libtorch's warnings.
  return { ...end, errors: end.errors.replace(/^\[W\d+ .*\n?/gm, '') }
}

describeWithLibtorch('damage and misuse end in typed errors, never in the end of the process', () => {
  test.each([0, 500, 1000, 1500])(
    '500 damaged, cut and mislabelled files from %i on',
    { timeout: 120_000 },
    async (from) => {
      const { outcomes, ...rest } = await run('files', from, from + 500)
      expect(rest).toEqual({ code: 0, signal: null, errors: '' })
      expect(total(outcomes, /^load/)).toBe(500)
      expect(total(outcomes, /^load FORMAT_UNSUPPORTED/)).toBeGreaterThan(250)
      expect(Object.keys(outcomes)).not.toContain('load untyped')
      expect(Object.keys(outcomes)).not.toContain('run untyped')
    },
  )

  test('2,000 wrong calls', { timeout: 120_000 }, async () => {
    const { outcomes, ...rest } = await run('calls', 0, 2000)
    expect(rest).toEqual({ code: 0, signal: null, errors: '' })
    expect(total(outcomes)).toBe(2000)
    expect(outcomes.INPUT_INVALID).toBeGreaterThan(1000)
    expect(Object.keys(outcomes)).not.toContain('untyped')
  })
})
