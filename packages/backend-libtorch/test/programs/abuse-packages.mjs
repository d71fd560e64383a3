// node abuse-packages.mjs <libtorch root> <packages> <torchscript fixtures> files|calls <from> <to>: prints how often each
// outcome came, as JSON.
//
// Native code that somebody changed can do anything, and no check can tell: so changed code is only ever offered to a
// backend that pins the sha256 of the right one. Whoever says 'native-code' is offered files whose library is whole.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { libtorch } from '@tensorferry/backend-libtorch'
import { tensor, zeros } from '@tensorferry/core'
import { abuse, count, loadBytes, typed } from './abuse-tools.mjs'
import { damageArchive, damageEntry, random } from './mutate.mjs'

const [, , root, packages, fixtures, what, from, to] = process.argv
const models = ['mlp', 'joined', 'dtypes', 'weights-beside', 'indices']
const contents = models.map((name) => readFileSync(join(packages, `${name}.pt2`)))
const foreign = [
  readFileSync(join(packages, 'program.pt2')),
  readFileSync(join(fixtures, 'mlp-10-10.pt')),
  readFileSync(join(fixtures, 'state-dict.pth')),
  contents[0].subarray(0, 4096),
  Buffer.from('<!doctype html><title>404</title>'),
  Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
  Buffer.alloc(0),
]
const options = { libtorch: root, threads: 1, warmup: 0 }
const trusting = libtorch({ ...options, trust: 'native-code' })
const pinning = libtorch({
  ...options,
  trust: { sha256: contents.map((content) => createHash('sha256').update(content).digest('hex')) },
})

const load = (backend, bytes) => loadBytes(backend, 'aot-inductor', bytes)

const isText = (name) => /\.(cpp|json)$|version$|byteorder$|archive_format$/.test(name)

async function files(seed) {
  const next = random(seed)
  const content = contents[seed % contents.length]
  const kinds = [
    // Its checksums tell, or nothing that matters was touched.
    ['damaged', trusting, () => damageArchive(content, next)],
    ['foreign', trusting, () => damageArchive(foreign[seed % foreign.length], next)],
    // Checksums that are right: metadata and sources reach the parsers.
    ['relabelled', trusting, () => damageEntry(content, next, isText)],
    ['changed', pinning, () => damageEntry(content, next)],
  ]
  const [kind, backend, make] = kinds[seed % kinds.length]
  const bytes = make()
  let session
  const outcome = await typed(seed, async () => {
    session = await load(backend, bytes)
  })
  count(`${kind} ${outcome}`)
  if (!session) return
  // What it takes may be told wrong by a source that was changed.
  if (kind === 'damaged') {
    const sizes = (shape) => shape.map((dim) => (typeof dim === 'number' ? dim : 2))
    const inputs = session.inputs.map(({ name, dtype, shape }) => [name, zeros(dtype, sizes(shape))])
    count(`run ${await typed(seed, () => session.run(Object.fromEntries(inputs)))}`)
  }
  await session.dispose()
}

const DTYPES = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool']
const pick = (next, list) => list[Math.floor(next() * list.length)]
const sizesOf = (shape) => shape.map((dim) => (typeof dim === 'number' ? dim : 4))

/** Something near what the input takes, or nothing like it. */
function wrongTensor(next, spec) {
  const right = sizesOf(spec.shape)
  switch (Math.floor(next() * 10)) {
    case 0:
      return zeros(pick(next, DTYPES), right)
    case 1:
      return zeros(spec.dtype, [...right, 1])
    case 2:
      return zeros(spec.dtype, right.slice(1))
    case 3: {
      const axis = Math.floor(next() * right.length)
      return zeros(spec.dtype, right.with(axis, Math.floor(next() * 40)))
    }
    case 4:
      return { ...zeros(spec.dtype, right), shape: pick(next, [[2 ** 40, 2 ** 40], [-1], [1.5], 'a', [[1]], null]) }
    case 5:
      return {
        ...zeros(spec.dtype, right),
        data: pick(next, [new Float32Array(1), [1], null, Buffer.from('a'), new ArrayBuffer(8)]),
      }
    case 6:
      return pick(next, [null, undefined, 1, 'x', Symbol('s'), new Float32Array(10), {}, []])
    case 7: {
      // Indices outside of every table.
      if (spec.dtype !== 'int64') return zeros('string', [1])
      const data = new BigInt64Array(right.reduce((product, size) => product * size, 1))
      data[Math.floor(next() * data.length)] = pick(next, [2n ** 62n, -(2n ** 63n), 1000n, -1000n, 2n ** 32n])
      return tensor('int64', data, right)
    }
    case 8: {
      const large = zeros(spec.dtype, right)
      return { ...large, get data() { throw new Error('a getter that throws') } } // biome-ignore format: one line
    }
    default:
      return zeros(spec.dtype, right)
  }
}

async function calls(session, seed) {
  const next = random(seed)
  const inputs = Object.fromEntries(session.inputs.map((spec) => [spec.name, wrongTensor(next, spec)]))
  if (next() < 0.1) inputs[pick(next, ['extra', '', '__proto__x'])] = zeros('float32', [1])
  if (next() < 0.1) delete inputs[pick(next, session.inputs).name]
  const ways = [
    () => session.run(inputs),
    async () => session.runSync(inputs),
    () => session.run(pick(next, [null, [], 5, 'x', inputs])),
    () => session.call('forward', ...Object.values(inputs)),
  ]
  count(await typed(seed, pick(next, ways)))
}

if (what === 'files') await abuse(from, to, files)
else {
  const names = ['dtypes', 'joined', 'indices-threads', 'layouts', 'counter']
  const sessions = []
  for (const name of names) sessions.push(await load(trusting, readFileSync(join(packages, `${name}.pt2`))))
  await abuse(
    from,
    to,
    (seed) => calls(sessions[seed % sessions.length], seed),
    async () => {
      const [, joined] = sessions
      const [x, twice] = joined.inputs
      const { output0 } = await joined.run({
        [x.name]: zeros('float32', [1, 3]),
        [twice.name]: zeros('float32', [2, 3]),
      })
      if (!output0.data.every((value) => value === 1)) throw new Error('another answer after wrong calls')
      for (const session of sessions) await session.dispose()
    },
  )
}
