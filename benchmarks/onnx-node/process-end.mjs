import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(
  new URL('../../packages/backend-onnx-node/test/programs/end-under-load.mjs', import.meta.url),
)
const WAYS = ['exit', 'dispose', 'short', 'loading', 'throw']
const TIMES = 50

function run(how, delay) {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PROGRAM, how, String(delay)], () => {
      const expected = how === 'throw' ? 1 : 0
      resolve({ how, delay, code: child.exitCode, signal: child.signalCode, ok: child.exitCode === expected })
    })
  })
}

/** Ends 50 processes under load, in five ways and at different moments; counts those that did not end as asked. */
export async function endUnderLoad() {
  const bad = []
  for (let i = 0; i < TIMES; i++) {
    const end = await run(WAYS[i % WAYS.length], 40 + ((i * 37) % 260))
    if (!end.ok) bad.push(end)
  }
  return { value: bad.length, times: TIMES, bad }
}
