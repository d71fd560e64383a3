import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createStepContext, type ImageCodecs, type ImageMode, planPreprocess } from '../../src/pipeline/index.ts'
import { loopsAtHand } from '../../src/pipeline/loops/choose-loops.ts'
import { scalarLoops } from '../../src/pipeline/loops/scalar-loops.ts'
import { compileSimdLoops } from '../../src/pipeline/loops/simd-loops.ts'
import { resizeWith } from '../../src/pipeline/steps/image/resize.ts'
import { resizeCenterCrop } from '../../src/pipeline/steps/image/resize-center-crop.ts'
import { picture } from './pictures.ts'

const simd = await compileSimdLoops()

// Sizes about those that are worked on at once, one row or column, more taps than rows at once.
describe.each(['L', 'RGB', 'RGBA'] as const)('WebAssembly gives the bits of TypeScript, %s', (mode: ImageMode) => {
  test.each([
    [900, 1300, [224, 224]],
    [3, 20_000, [2, 77]],
    [20_000, 3, [77, 2]],
    [4001, 17, [5, 300]],
    [33, 1, [1, 33]],
    [1, 1, [700, 900]],
    [130, 90, [1201, 803]],
    [2000, 2, [1, 1]],
  ] as const)('%i x %i to %j', (height, width, size) => {
    const image = picture('noise', height, height, width, mode)
    for (const interpolation of ['box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const) {
      for (const pillow_pass_order of ['legacy', '13'] as const) {
        const options = { size, interpolation, pillow_pass_order }
        expect(
          Buffer.compare(resizeWith(image, options, simd).data, resizeWith(image, options, scalarLoops).data),
        ).toBe(0)
      }
    }
    const crop = { size: [Math.max(1, size[0] - 1), Math.max(1, size[1] - 1)] } as const
    const options = { size, interpolation: 'bicubic' } as const
    const [one, other] = [simd, scalarLoops].map((loops) => resizeCenterCrop(image, options, crop, loops).data)
    expect(Buffer.compare(one!, other!)).toBe(0)
  })
})

const steps = [
  { op: 'decode_image', mode: 'RGB' },
  { op: 'resize', size: 64, interpolation: 'bicubic' },
  { op: 'to_tensor' },
] as const

test('a small picture does not load WebAssembly, a large one does', async () => {
  const plan = planPreprocess(steps)
  const context = createStepContext({} as ImageCodecs)
  await plan.run(picture('noise', 1, 100, 100), context)
  expect(loopsAtHand()).toBe(scalarLoops)
  await plan.run(picture('noise', 1, 600, 600), context)
  expect(loopsAtHand()).not.toBe(scalarLoops)
})

test('where there is no WebAssembly the same numbers come from TypeScript', async () => {
  const program = fileURLToPath(new URL('../programs/preprocess.mjs', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'loops-'))
  const file = join(folder, 'pixels')
  const image = picture('noise', 9, 600, 700)
  await writeFile(file, image.data)
  const run = async (...flags: string[]): Promise<unknown> =>
    JSON.parse((await promisify(execFile)(process.execPath, [...flags, program, file, '700', '600'])).stdout)
  try {
    const { data } = await planPreprocess(steps).run(image, createStepContext({} as ImageCodecs))
    const sha256 = createHash('sha256').update(new Uint8Array(data.buffer)).digest('hex')
    expect(await run()).toEqual({ webAssembly: true, sha256 })
    expect(await run('--jitless')).toEqual({ webAssembly: false, sha256 })
  } finally {
    await rm(folder, { recursive: true })
  }
})
