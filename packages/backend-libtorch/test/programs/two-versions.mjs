// node two-versions.mjs <first root> <second root>: loads a model with each, prints the second one's error.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { tensor } from '@tensorferry/core'

const path = fileURLToPath(new URL('../fixtures/mlp-10-10.pt', import.meta.url))
const file = { path: 'mlp.pt', size: null, sha256: null, bytes: async () => Uint8Array.from(readFileSync(path)) }
const artifact = { name: 'a', format: 'torchscript', requires: {}, files: [file] }
const [, , first, second] = process.argv
const session = await libtorch({ libtorch: first }).createSession({ artifact })
const input = tensor('float32', new Float32Array(10), [1, 10])
const before = await session.run({ input })
const error = await libtorch({ libtorch: second })
  .createSession({ artifact })
  .catch((reason) => reason)
const after = await session.run({ input })
console.log(
  JSON.stringify({
    code: error.code,
    message: error.message,
    same: JSON.stringify(before) === JSON.stringify(after),
    version: session.runtime.version,
  }),
)
