// What both programs of misuse count with; everything they do happens in one process, so what ends it is seen from outside.
import { TensorferryError } from '@tensorferry/core'

const outcomes = {}

/** Counts one more end of that name. */
export function count(name) {
  outcomes[name] = (outcomes[name] ?? 0) + 1
}

/** How a call ended: fulfilled, with the code of a typed error, or untyped, which is told on standard error. */
export async function typed(seed, call) {
  try {
    await call()
    return 'fulfilled'
  } catch (error) {
    if (TensorferryError.is(error)) return error.code
    process.stderr.write(`seed ${seed}: ${error?.stack ?? error}\n`)
    return 'untyped'
  }
}

/** A session of bytes that are given as a model's file. */
export function loadBytes(backend, format, bytes) {
  const file = { path: 'model', size: null, sha256: null, bytes: async () => Uint8Array.from(bytes) }
  return backend.createSession({ artifact: { name: 'a', format, requires: {}, files: [file] } })
}

/** Does it for every seed, then prints how often each end came, as JSON. */
export async function abuse(from, to, once, last = async () => {}) {
  for (let seed = Number(from); seed < Number(to); seed++) await once(seed)
  await last()
  console.log(JSON.stringify(outcomes))
}
