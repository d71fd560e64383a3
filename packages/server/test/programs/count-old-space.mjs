// node --expose-gc count-old-space.mjs <bundle>: serves it, prints its URL, and for each line it reads V8's old space in bytes;
// for `collect` after full collections.
import { createInterface } from 'node:readline'
import v8 from 'node:v8'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { serve } from '@tensorferry/server'

// No full collection comes by itself.
v8.setFlagsFromString('--heap-growing-percent=10000')
const server = await serve({ models: [process.argv[2]], backend: onnxNode({ threads: 1 }), port: 0 })
console.log(server.url)
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'collect') for (let time = 0; time < 3; time++) gc()
  const space = v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')
  console.log(space.space_used_size)
}
process.exit(0)
