// node --expose-gc load-dispose.mjs <libtorch root> <package> <times>: loads, runs and disposes over and over; prints what grew.
import { readFileSync } from 'node:fs'
import { libtorch } from '@tensorferry/backend-libtorch'
import { zeros } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'

const [, , root, path, times] = process.argv
const file = { path, size: null, sha256: null, bytes: async () => Uint8Array.from(readFileSync(path)) }
const artifact = {
  name: 'a',
  format: 'aot-inductor',
  requires: {},
  files: [{ ...file, localFile: () => openLocalFile(path) }],
}
const backend = libtorch({ libtorch: root, threads: 1, trust: 'native-code' })

async function once() {
  const session = await backend.createSession({ artifact })
  const inputs = Object.fromEntries(session.inputs.map(({ name, dtype, shape }) => [name, zeros(dtype, shape)]))
  await session.run(inputs)
  session.runSync(inputs)
  await session.dispose()
}

async function measure() {
  // Finalizers run between turns of the event loop.
  for (let round = 0; round < 3; round++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const status = readFileSync('/proc/self/status', 'utf8')
  const number = (key) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(status)[1])
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return {
    rss: number('VmRSS') * 1024,
    threads: number('Threads'),
    libraries: maps.filter((line) => /\/aot\//.test(line)).length,
  }
}

const FLOOR = 20

/** Does it so often; what is resident is the least of the last rounds, since an allocator keeps pages that are free, now more, now fewer. */
async function repeat(rounds) {
  for (let round = 0; round < rounds - FLOOR; round++) await once()
  let rss = Number.POSITIVE_INFINITY
  let measured
  for (let round = 0; round < FLOOR; round++) {
    await once()
    measured = await measure()
    rss = Math.min(rss, measured.rss)
  }
  return { ...measured, rss }
}

// JavaScript's own heap takes its size in the first hundred.
const before = await repeat(100)
const after = await repeat(Number(times))
console.log(
  JSON.stringify({
    rss: after.rss - before.rss,
    threads: after.threads - before.threads,
    libraries: after.libraries - before.libraries,
  }),
)
