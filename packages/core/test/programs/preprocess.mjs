// node preprocess.mjs <file of RGB pixels> <width> <height>: resizes them and prints the sha256 of the tensor.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createStepContext, planPreprocess } from '@tensorferry/core'

const [, , file, width, height] = process.argv
const steps = [
  { op: 'decode_image', mode: 'RGB' },
  { op: 'resize', size: 64, interpolation: 'bicubic' },
  { op: 'to_tensor' },
]
const image = { mode: 'RGB', width: Number(width), height: Number(height), data: new Uint8Array(readFileSync(file)) }
const { data } = await planPreprocess(steps).run(image, createStepContext({}))
const sha256 = createHash('sha256').update(new Uint8Array(data.buffer)).digest('hex')
console.log(JSON.stringify({ webAssembly: typeof WebAssembly === 'object', sha256 }))
