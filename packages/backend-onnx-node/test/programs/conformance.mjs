// Runs the conformance cases on this Node, in a worker and inline, and prints what came of them as JSON.
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { fixturesFor, runConformance } from '@tensorferry/core/testing'

const dtypes = ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string']
const fixtures = fixturesFor('onnx')
const report = { node: process.versions.node, fixtures: fixtures.map(({ name }) => name), passed: 0, failed: [] }
for (const execution of ['worker', 'inline']) {
  const features = { offThread: execution === 'worker', readsFiles: true, dtypes }
  const { passed, results } = await runConformance({ backend: onnxNode({ execution }), features, fixtures })
  report.passed += passed
  report.failed.push(...results.filter(({ status }) => status === 'failed').map((result) => ({ execution, ...result })))
}
console.log(JSON.stringify(report))
