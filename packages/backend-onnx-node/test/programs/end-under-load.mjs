// node end-under-load.mjs <how> <milliseconds>: ends in the given way while runs are in progress.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { tensor } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'

const [, , how, delay] = process.argv
const path = fileURLToPath(new URL('../fixtures/slow.onnx', import.meta.url))
const file = { path: 'slow.onnx', size: null, sha256: null, bytes: async () => Uint8Array.from(readFileSync(path)) }
const artifact = {
  name: 'onnx',
  format: 'onnx',
  requires: {},
  files: [{ ...file, localFile: () => openLocalFile(path) }],
}
const inputs = {
  x: tensor('float32', new Float32Array(32 * 640).fill(1), [32, 640]),
  repeats: tensor('int64', [how === 'short' ? 1 : 30], []),
}

const sessions = []
async function load() {
  const session = await onnxNode({ replicas: 2, threads: 1 }).createSession({ artifact })
  sessions.push(session)
  return session
}

async function work() {
  const session = await load()
  const call = async () => {
    for (;;) await session.run(inputs)
  }
  return Promise.all(Array.from({ length: 5 }, call))
}

switch (how) {
  // Loads over and over, so that the end may come at any point of it.
  case 'loading':
    setTimeout(() => process.exit(0), Number(delay))
    for (;;) await load()
  case 'exit':
  case 'short':
    setTimeout(() => process.exit(0), Number(delay))
    await work()
    break
  case 'throw':
    setTimeout(() => {
      throw new Error('the application fails')
    }, Number(delay))
    await work()
    break
  // Everything is closed under load, and the process ends by itself.
  case 'dispose': {
    const working = work().catch((error) => {
      if (error.code !== 'SESSION_DISPOSED') throw error
    })
    await new Promise((resolve) => setTimeout(resolve, Number(delay)))
    await Promise.all(sessions.map((session) => session.dispose()))
    if (sessions.length > 0) await working
    else process.exit(0)
    break
  }
  // Nothing is closed, and nothing runs: the process ends by itself.
  case 'idle':
    await (await load()).run(inputs)
    console.log('ran')
    break
  // A run is in progress and nobody holds its promise: the process stays until it has ended.
  case 'pending':
    ;(await load()).run(inputs).then(() => console.log('ran'))
    break
}
