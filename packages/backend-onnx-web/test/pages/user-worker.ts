// A web worker of a user's, which runs a model: the backend starts a worker of its own from there.
import { onnxWeb } from '@tensorferry/backend-onnx-web'
import { loadModel, tensor } from '@tensorferry/core'

addEventListener('message', async () => {
  const model = await loadModel('/fixtures/identity-float32.onnx', { backend: onnxWeb() })
  const { y } = await model.run({ x: tensor('float32', [1, 2], [1, 2]) })
  await model.dispose()
  postMessage({ y: y!.data, provider: model.report.runtime.provider })
})
