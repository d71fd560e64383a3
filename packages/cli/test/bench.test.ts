import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerOf, ROOT, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const MODELS = join(ROOT, 'packages/backend-onnx-node/test/fixtures')
const QUICK = ['--rounds', '2', '--milliseconds', '5']

test('every batch with every thread count, in JSON', async () => {
  const { code, answer } = await answerOf(['bench', DIGITS, '--batch', '1,3', '--threads', '1,2', ...QUICK])
  expect(code).toBe(0)
  const rows = answer.rows as {
    batch: number
    threads: number
    throughput: number
    timing: Record<string, number>
    runtime: { threads: number }
  }[]
  expect(rows.map(({ batch, threads }) => [threads, batch])).toEqual([
    [1, 1],
    [1, 3],
    [2, 1],
    [2, 3],
  ])
  for (const { batch, threads, throughput, timing, runtime } of rows) {
    const { runs, min, median, p95, max } = timing as Record<'runs' | 'min' | 'median' | 'p95' | 'max', number>
    expect(runs).toBeGreaterThanOrEqual(2)
    expect([min, median, p95, max]).toEqual([min, median, p95, max].sort((a, b) => a - b))
    expect(min).toBeGreaterThan(0)
    expect(throughput).toBeCloseTo((1000 * batch) / median, 3)
    expect(runtime.threads).toBe(threads)
  }
  expect(answer.machine.cores).toBeGreaterThanOrEqual(1)
})

test('a table, and a chart with a line for each thread count', async () => {
  const cwd = await temporaryFolder()
  const args = ['bench', DIGITS, '--batch', '1,2', '--threads', '1,2', '--svg', 'bench.svg', ...QUICK]
  const { code, stdout } = await tensorferry(args, { cwd })
  expect(code).toBe(0)
  expect(stdout).toMatch(/backend +runtime +provider +threads +batch +median +min +p95 +runs +rows\/s/)
  expect(stdout.match(/^onnx-node /gm)).toHaveLength(4)
  const svg = await readFile(join(cwd, 'bench.svg'), 'utf8')
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  expect(svg).toContain('>onnx-node, 1 thread<')
  expect(svg).toContain('>onnx-node, 2 threads<')
  // A dot for each combination in both plots.
  expect(svg.match(/<circle /g)).toHaveLength(8)
  expect(svg).not.toContain('NaN')
})

test('sizes: of the first golden, of --dim, of --shape; what nobody says is asked for', async () => {
  const superResolution = join(ROOT, 'examples/bundles/super-resolution-x3')
  const one = ['--batch', '1', '--threads', '1', ...QUICK]
  expect((await answerOf(['bench', superResolution, ...one])).answer.shapes).toEqual({ input: [1, 1, 48, 64] })
  const dims = ['--dim', 'height=8', '--dim', 'width=9']
  expect((await answerOf(['bench', superResolution, ...one, ...dims])).answer.shapes).toEqual({ input: [1, 1, 8, 9] })
  const bare = join(superResolution, 'model.onnx')
  const asked = await answerOf(['bench', bare, ...one])
  expect(asked.code).toBe(2)
  expect(asked.answer.error.message).toMatch(/^input: the size of \w+ is not known; say --dim/)
  expect((await answerOf(['bench', bare, ...one, '--shape', 'input=1,1,8,9'])).answer.shapes).toEqual({
    input: [1, 1, 8, 9],
  })
})

test('what cannot be measured is said', async () => {
  const outside = await answerOf(['bench', DIGITS, '--batch', '2000', ...QUICK])
  expect(outside).toMatchObject({
    code: 2,
    answer: { error: { message: '--batch: expected batch from 1 to 1024, got 2000' } },
  })
  const fixed = await answerOf(['bench', join(MODELS, 'mean-224.onnx'), '--batch', '2', ...QUICK])
  expect(fixed.code).toBe(2)
  const refused = await answerOf(['bench', DIGITS, '-p', 'cuda', '-b', 'onnx-node', ...QUICK])
  expect(refused.code).toBe(4)
  expect(refused.answer.error.message).toMatch(/no backend can be measured:\nonnx-node: BACKEND_/)
})
