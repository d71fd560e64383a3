// The pipeline in Node, driven as python_side.py is: node node-side.mjs JSON.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { stepsFor } from './steps.mjs'

const { file, width, height, mode, interpolation, webAssembly } = JSON.parse(process.argv[2])
// What core meets where a policy forbids WebAssembly.
if (!webAssembly) globalThis.WebAssembly = undefined
const { createStepContext, planPreprocess } = await import('@tensorferry/core')

const plan = planPreprocess(stepsFor({ mode, interpolation }))
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
