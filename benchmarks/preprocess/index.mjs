// Resize, crop and normalize in Node and in Chromium beside Pillow and PyTorch: the same pixels, one thread each, in turns.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePython } from '../../scripts/python.mjs'
import { machineFacts } from '../machine.mjs'
import { alternate, percentile, ratio } from '../measure.mjs'
import { writeReport } from '../report.mjs'
import { Side } from '../side.mjs'
import { openChromium } from './chromium-side.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const PICTURES = [
  { mode: 'RGB', width: 1024, height: 768, interpolation: 'bilinear', calls: 5 },
  { mode: 'RGB', width: 1024, height: 768, interpolation: 'bicubic', calls: 5 },
  { mode: 'RGB', width: 4000, height: 3000, interpolation: 'bilinear', calls: 2 },
  { mode: 'L', width: 1024, height: 768, interpolation: 'bilinear', calls: 5 },
]
const ROUNDS = 15

/** Noise: what the pixels are does not change how long they take. */
function noise(bytes) {
  let state = 1
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

async function measure(python, chromium, folder, picture) {
  const { calls, ...asked } = picture
  const file = join(folder, 'pixels')
  writeFileSync(file, noise(asked.width * asked.height * (asked.mode === 'L' ? 1 : 3)))
  const node = (webAssembly) =>
    Side.start(process.execPath, [here('node-side.mjs'), JSON.stringify({ ...asked, file, webAssembly })])
  const sides = {
    WebAssembly: await node(true),
    TypeScript: await node(false),
    'WebAssembly in Chromium': await chromium.side({ ...asked, file, webAssembly: true }),
    'TypeScript in Chromium': await chromium.side({ ...asked, file, webAssembly: false }),
    Pillow: await Side.start(python, [here('python_side.py'), JSON.stringify({ ...asked, file })]),
  }
  const sums = Object.values(sides).map(({ facts }) => facts.sha256)
  if (new Set(sums).size !== 1) throw new Error(`the tensors differ: ${sums.join(', ')}`)
  const turn = (side) => async () => percentile(await side.ask({ calls }), 0.5)
  const turns = Object.fromEntries(Object.entries(sides).map(([name, side]) => [name, turn(side)]))
  const samples = await alternate(turns, { rounds: ROUNDS })
  await Promise.all(Object.values(sides).map((side) => side.end()))
  return samples
}

function figure(what, limit, result) {
  const found = {
    what,
    limit: `<= ${limit}`,
    ok: result.value <= limit,
    digits: 3,
    ...result,
    note: Object.entries(result.medians)
      .map(([name, value]) => `${name} ${value.toFixed(2)} ms`)
      .join(', '),
  }
  console.log(`${found.ok ? 'ok ' : 'NO '} ${what}: ${found.value.toFixed(3)} (<= ${limit}) ${found.note}`)
  return found
}

export async function run() {
  const python = await ensurePython()
  const load = loadavg()[0]
  const folder = mkdtempSync(join(tmpdir(), 'tensorferry-preprocess-'))
  const figures = []
  const chromium = await openChromium()
  try {
    for (const picture of PICTURES) {
      const { mode, width, height, interpolation } = picture
      const what = `${mode} ${width} x ${height}, ${interpolation} to 256, crop 224, normalize`
      const samples = await measure(python, chromium, folder, picture)
      for (const where of ['', ' in Chromium']) {
        const [webAssembly, typeScript] = [`WebAssembly${where}`, `TypeScript${where}`]
        figures.push(figure(`${what}: ${webAssembly} / TypeScript`, 0.5, ratio(samples, webAssembly, typeScript)))
        figures.push(figure(`${what}: ${webAssembly} / Pillow`, 0.7, ratio(samples, webAssembly, 'Pillow')))
      }
    }
  } finally {
    await chromium.close()
    rmSync(folder, { recursive: true })
  }
  const path = writeReport('preprocess', {
    command: 'pnpm bench preprocess',
    machine: { ...machineFacts([]), chromium: chromium.version, 'load before': Number(load.toFixed(2)) },
    notes: [
      'Decoded pixels in, a normalized float32 tensor out, equal to the last bit on all five sides (checked before each measurement).',
      'Each side is a process of its own with one thread, in Chromium a page; in turns, a turn’s figure is its median; a ratio is that of the medians over ' +
        `${ROUNDS} turns, the spread that of single turns.`,
      'Pillow resizes the whole picture and crops it then, as torchvision does; core computes the crop alone.',
    ],
    figures,
  })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
}
