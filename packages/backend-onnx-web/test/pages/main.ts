// The page of the tests: the SDK as a global, for what a test evaluates in the page.
import { onnxWeb } from '@tensorferry/backend-onnx-web'
import * as core from '@tensorferry/core'
import { fixturesFor, runConformance } from '@tensorferry/core/testing'

const page = { ...core, onnxWeb, fixturesFor, runConformance }

declare global {
  var sdk: typeof page
}
globalThis.sdk = page
