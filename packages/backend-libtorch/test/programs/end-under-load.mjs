// node end-under-load.mjs <libtorch root> <how> <milliseconds> [package]: ends in the given way while runs are in progress.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { libtorch } from '@tensorferry/backend-libtorch'
import { tensor } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'

const [root, how, delay, compiled] = isMainThread ? process.argv.slice(2) : workerData
const path = compiled ?? fileURLToPath(new URL('../fixtures/slow.pt', import.meta.url))
const file = { path: 'slow.pt', size: null, sha256: null, bytes: async () => Uint8Array.from(readFileSync(path)) }
const artifact = {
  name: 'slow',
  format: compiled ? 'aot-inductor' : 'torchscript',
  requires: {},
  files: [{ ...file, localFile: () => openLocalFile(path) }],
}
const repeats = how === 'short' ? 1 : 200
/** A compiled model's work grows with the rows; its input has the compiler's name. */
const inputsOf = (session) =>
  compiled
    ? { [session.inputs[0].name]: tensor('float32', new Float32Array(2 * repeats).fill(1), [2 * repeats, 1]) }
    : {
        x: tensor('float32', new Float32Array(64 * 256).fill(1), [64, 256]),
        repeats: tensor('int64', [repeats], []),
      }
const wait = () => new Promise((resolve) => setTimeout(resolve, Number(delay)))

const sessions = []
async function load() {
  const session = await libtorch({ libtorch: root, replicas: 2, threads: 1, trust: 'native-code' }).createSession({
    artifact,
  })
  sessions.push(session)
  return session
}

async function work() {
  const session = await load()
  const call = async () => {
    for (;;) await session.run(inputsOf(session))
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
  // Past the listeners of the process's end.
  case 'reallyExit':
    setTimeout(() => process.reallyExit(0), Number(delay))
    await work()
    break
  case 'throw':
    setTimeout(() => {
      throw new Error('the application fails')
    }, Number(delay))
    await work()
    break
  // The model runs in a worker thread of JavaScript's, which is ended.
  case 'worker': {
    if (!isMainThread) await work()
    const worker = new Worker(new URL(import.meta.url), { workerData: [root, 'worker', delay, compiled] })
    await wait()
    await worker.terminate()
    break
  }
  // The same, and the process ends with it.
  case 'worker-exit': {
    if (!isMainThread) await work()
    new Worker(new URL(import.meta.url), { workerData: [root, 'worker-exit', delay, compiled] })
    await wait()
    process.exit(0)
    break
  }
  // Everything is closed under load, and the process ends by itself.
  case 'dispose': {
    const working = work().catch((error) => {
      if (error.code !== 'SESSION_DISPOSED') throw error
    })
    await wait()
    await Promise.all(sessions.map((session) => session.dispose()))
    if (sessions.length > 0) await working
    else process.exit(0)
    break
  }
  // Nothing is closed, and nothing runs: the process ends by itself.
  case 'idle':
    await load()
    await sessions[0].run(inputsOf(sessions[0]))
    console.log('ran')
    break
  // A run is in progress and nobody holds its promise: the process stays until it has ended.
  case 'pending':
    await load()
    sessions[0].run(inputsOf(sessions[0])).then(() => console.log('ran'))
    break
}
