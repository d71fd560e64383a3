import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { openLocalFile } from '@tensorferry/core/node'
import ort from 'onnxruntime-node'

export { ort }

/** The fixtures of the backend's tests. */
export const modelPath = (name) =>
  fileURLToPath(new URL(`../../packages/backend-onnx-node/test/fixtures/${name}.onnx`, import.meta.url))

/** A bare file, as core hands it to a backend. */
export function artifactOf(name) {
  const path = modelPath(name)
  const bytes = async () => new Uint8Array(await readFile(path))
  return {
    name,
    format: 'onnx',
    requires: {},
    files: [{ path: `${name}.onnx`, size: null, sha256: null, bytes, localFile: () => openLocalFile(path) }],
  }
}

/** What a user would write by hand: a session on the caller's thread. */
export function rawSession(name, threads) {
  return ort.InferenceSession.create(modelPath(name), { intraOpNumThreads: threads, executionProviders: ['cpu'] })
}

/** The backend under test. */
export function ourSession(name, options) {
  return onnxNode(options).createSession({ artifact: artifactOf(name) })
}

/** The same numbers for both sides. */
export function input(shape, fill = 0.5) {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(fill)
  return { ours: { dtype: 'float32', shape, data }, raw: new ort.Tensor('float32', data, shape) }
}

export const IMAGE = [1, 3, 224, 224]
