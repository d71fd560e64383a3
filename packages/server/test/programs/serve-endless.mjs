// node serve-endless.mjs <libtorch root>: a server is closed while a run does not end.
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { serve } from '@tensorferry/server'

const source = fileURLToPath(new URL('../../../backend-libtorch/test/fixtures/slow.pt', import.meta.url))
const server = await serve({
  models: [{ name: 'slow', source }],
  backend: libtorch({ libtorch: process.argv[2] || undefined, threads: 1 }),
  port: 0,
  drainMs: 100,
})
const inputs = [
  { name: 'x', datatype: 'FP32', shape: [64, 256], data: new Array(64 * 256).fill(1) },
  { name: 'repeats', datatype: 'INT64', shape: [], data: [2 ** 40] },
]
const answer = fetch(`${server.url}/v2/models/slow/infer`, { method: 'POST', body: JSON.stringify({ inputs }) })
const cut = answer.then(
  ({ status }) => `answered ${status}`,
  () => 'cut',
)
const isRunning = async () => /runs_in_progress\{.*\} 1/.test(await (await fetch(`${server.url}/metrics`)).text())
while (!(await isRunning())) await new Promise(setImmediate)
await server.close()
console.log('closed', await cut)
process.exit(0)
