// What a user would write by hand: onnxruntime-web/wasm in a worker of its own, arrays moved there and back.
import * as ort from 'onnxruntime-web/wasm'

let session

addEventListener('message', async ({ data: { url, threads, input, shape } }) => {
  if (url) {
    ort.env.wasm.numThreads = threads
    ort.env.wasm.wasmPaths = { mjs: '/ort-wasm.js', wasm: '/ort-wasm.wasm' }
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
    session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
    return postMessage(null)
  }
  const [name] = session.inputNames
  const results = await session.run({ [name]: new ort.Tensor('float32', input, shape) })
  const { data, dims } = results[session.outputNames[0]]
  postMessage({ data, dims }, [data.buffer])
})
