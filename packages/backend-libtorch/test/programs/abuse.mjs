// node abuse.mjs <libtorch root> files|calls <from> <to>: prints how often each outcome came, as JSON.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { tensor } from '@tensorferry/core'
import { abuse, count, loadBytes, typed } from './abuse-tools.mjs'
import { damageArchive, damageEntry, random } from './mutate.mjs'

const [, , root, what, from, to] = process.argv
const backend = libtorch({ libtorch: root, threads: 1 })
const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const models = readdirSync(fixtures).filter((name) => name.endsWith('.pt') && name !== 'slow.pt')
const contents = models.map((name) => readFileSync(fixtures + name))
const foreign = ['state-dict.pth', 'make_fixtures.py'].map((name) => readFileSync(fixtures + name))
foreign.push(
  Buffer.from('<!doctype html><title>404</title>'),
  Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
)

const x = tensor('float32', [1, -2])
const SCALARS = {
  int: tensor('int64', [2], []),
  float: tensor('float64', [2], []),
  bool: tensor('bool', [true], []),
  str: tensor('string', ['a'], []),
}

async function files(seed) {
  const next = random(seed)
  const kind = seed % 4
  const bytes =
    kind === 0
      ? damageArchive(contents[seed % contents.length], next)
      : kind === 1
        ? // Mislabelled: another file under this name, whole or damaged.
          damageArchive(foreign[seed % foreign.length], next)
        : damageEntry(contents[seed % contents.length], next)
  let session
  count(
    `load ${await typed(seed, async () => {
      session = await loadBytes(backend, 'torchscript', bytes)
    })}`,
  )
  if (!session) return
  // Loaded all the same: what was damaged did not matter, or shows when it runs.
  const inputs = Object.fromEntries(session.inputs.map(({ name, kind }) => [name, SCALARS[kind] ?? x]))
  count(`run ${await typed(seed, () => session.run(inputs))}`)
  await session.dispose()
}

const NUMBERS = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 63), 2n ** 63n, -5n, 1e300]
const pick = (next, list) => list[Math.floor(next() * list.length)]
function wrongValue(next, depth = 0) {
  switch (Math.floor(next() * (depth > 2 ? 8 : 12))) {
    case 0:
      return pick(next, [null, undefined, true, Symbol('s'), () => {}, new Date(), /x/])
    case 1:
      return pick(next, NUMBERS)
    case 2:
      return pick(next, ['', 'text', '\0', '\ud800', 'x'.repeat(1000)])
    case 3:
      return pick(next, [new Float32Array(3), new ArrayBuffer(4), new DataView(new ArrayBuffer(4)), Buffer.from('a')])
    case 4:
      return {
        dtype: pick(next, ['float32', 'int64', 'bool', 'string', 'x', 5]),
        shape: pick(next, [[2], [], [-1], [1.5], [2 ** 40, 2 ** 40], 'a', [[1]]]),
        data: pick(next, [new Float32Array(2), new BigInt64Array(1), [1, 2], ['a'], null]),
      }
    case 5:
      return tensor(
        pick(next, ['float64', 'int8', 'bool', 'float16']),
        new Array(6).fill(1),
        pick(next, [[6], [2, 3], [1, 1, 6, 1]]),
      )
    case 6:
      return new Proxy(
        {},
        {
          get: () => {
            throw new Error('a getter that throws')
          },
        },
      )
    case 7:
      return x
    case 8:
      return Array.from({ length: Math.floor(next() * 4) }, () => wrongValue(next, depth + 1))
    case 9:
      return Object.fromEntries(['x', 'label', 'weight', 'a'].map((name) => [name, wrongValue(next, depth + 1)]))
    case 10:
      return new Map([[pick(next, NUMBERS), wrongValue(next, depth + 1)]])
    default: {
      const circle = []
      circle.push(circle)
      return circle
    }
  }
}

async function calls(session, seed) {
  const next = random(seed)
  const args = Array.from({ length: Math.floor(next() * 3) }, () => wrongValue(next))
  const method = next() < 0.05 ? pick(next, ['nope', '', '__class__', 5, null]) : pick(next, session.methods).name
  const ways = [
    () => session.call(method, ...args),
    async () => session.callSync(method, ...args),
    () => session.run(Object.fromEntries([[pick(next, ['x', 'y', 'times']), args[0]]])),
    async () => session.runSync({ x: args[0] }),
    () => session.attribute(pick(next, ['scale', 'nope', 'inner.weight', '', 5])),
  ]
  count(await typed(seed, pick(next, ways)))
}

if (what === 'files') await abuse(from, to, files)
else {
  const session = await loadBytes(backend, 'torchscript', contents[models.indexOf('values.pt')])
  await abuse(
    from,
    to,
    (seed) => calls(session, seed),
    async () => {
      // Still the same model.
      const result = await session.call('forward', x)
      if (result.data[0] !== 2 || result.data[1] !== -4) throw new Error('another answer after wrong calls')
      await session.dispose()
    },
  )
}
