import { onnxWeb } from '@tensorferry/backend-onnx-web'
import { loadModel } from '@tensorferry/core'

try {
  const model = await loadModel('./digits/', { backend: onnxWeb() })
  const picture = await fetch('./3.png')
  const [best] = await model.predict(new Uint8Array(await picture.arrayBuffer()))
  await model.dispose()
  globalThis.answer = { label: best.label, verified: model.report.verify.cases.length, runtime: model.report.runtime }
} catch (error) {
  globalThis.answer = { error: String(error) }
}
