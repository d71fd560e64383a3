// The pipeline in Node, driven as python_side.py is: node node-side.mjs JSON.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const { file, width, height, mode, interpolation, webAssembly } = JSON.parse(process.argv[2])
// What core meets where a policy forbids WebAssembly.
if (!webAssembly) globalThis.WebAssembly = undefined
const { createStepContext, planPreprocess } = await import('@tensorferry/core')

const channels = mode === 'L' ? 1 : 3
const plan = planPreprocess([
  { op: 'decode_image', mode },
  { op: 'resize', size: 256, interpolation },
  { op: 'center_crop', size: 224 },
  { op: 'to_tensor' },
  {
    op: 'normalize',
    mean: [0.485, 0.456, 0.406].slice(0, channels),
    std: [0.229, 0.224, 0.225].slice(0, channels),
  },
])
const image = { mode, width, height, data: new Uint8Array(readFileSync(file)) }
const once = () => plan.run(image, createStepContext({}))

const { data } = await once()
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
answer({ sha256: createHash('sha256').update(new Uint8Array(data.buffer)).digest('hex') })

for await (const line of createInterface({ input: process.stdin })) {
  const samples = []
  for (let i = 0; i < JSON.parse(line).calls; i++) {
    const start = performance.now()
    await once()
    samples.push(performance.now() - start)
  }
  answer(samples)
}
