// Runs the conformance kit and a bundle in the runtime that runs this file, and prints what came out as JSON.

import { fileURLToPath } from 'node:url'
import { onnxWeb } from '@tensorferry/backend-onnx-web'
import { loadModel } from '@tensorferry/core'
import { fixturesFor, runConformance } from '@tensorferry/core/testing'

const features = {
  offThread: true,
  readsFiles: true,
  dtypes: ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string'],
}
// Deno takes a second for a second thread, of each of the many sessions.
const backend = onnxWeb({ threads: 1 })
const { results } = await runConformance({ backend, features, fixtures: fixturesFor('onnx', features) })
const model = await loadModel(fileURLToPath(new URL('./digits', import.meta.url)), {
  backend: onnxWeb(),
  verify: 'full',
})
const { runtime, verify } = model.report
await model.dispose()
const failed = results.filter(({ status }) => status === 'failed')
console.log(
  JSON.stringify({
    passed: results.filter(({ status }) => status === 'passed').length,
    failed: failed.map(({ fixture, case: name, reason }) => `${fixture}: ${name}: ${reason}`),
    runtime,
    verified: verify.cases.length,
  }),
)
