import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { libtorch } from '@tensorferry/backend-libtorch'
import { openLocalFile } from '@tensorferry/core/node'

/** A bare file, as core hands it to a backend. */
function artifactOf(path, format) {
  const bytes = async () => new Uint8Array(await readFile(path))
  return {
    name: format,
    format,
    requires: {},
    files: [{ path: path.split('/').at(-1), size: null, sha256: null, bytes, localFile: () => openLocalFile(path) }],
  }
}

/** Input and signature of a model, as `inputs.json` describes it. */
export function modelFacts(folder, name) {
  const { dtype, shape, data, output } = JSON.parse(readFileSync(`${folder}/inputs.json`, 'utf8'))[name]
  const values = dtype === 'int64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data)
  const signature = {
    dims: {},
    inputs: [{ name: 'x', dtype, shape }],
    outputs: [{ name: 'y', dtype: 'float32', shape: output }],
    states: [],
  }
  return { inputs: { x: { dtype, shape, data: values } }, signature }
}

/** Whether this build of the backend reads AOTInductor. */
export const readsAot = libtorch({ trust: 'native-code' }).formats.includes('aot-inductor')

/** Loads `NAME.pt`, or `NAME-THREADS.pt2`. */
export function openSession({ folder, name, format, threads, options = {} }) {
  const path = format === 'torchscript' ? `${folder}/${name}.pt` : `${folder}/${name}-${threads}.pt2`
  const backend = libtorch({ threads, trust: 'native-code', ...options })
  return backend.createSession({ artifact: artifactOf(path, format), signature: modelFacts(folder, name).signature })
}
