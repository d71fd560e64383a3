// A user's service worker: a model is loaded once and answers requests of its pages, with no worker and no later import.
import { onnxServiceWorker } from '@tensorferry/backend-onnx-web/service-worker'
import { loadModel, type Model, type TensorferryError, tensor } from '@tensorferry/core'

interface Fetch extends Event {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}

let model: Promise<Model> | undefined

async function double(value: number): Promise<Response> {
  model ??= loadModel('/fixtures/identity-float32.onnx', { backend: onnxServiceWorker() })
  const { run, report } = await model
  const { y } = await run({ x: tensor('float32', [value, -value], [1, 2]) })
  return Response.json({ y: Array.from(y!.data as Float32Array), runtime: report.runtime })
}

/** An option of the other entry. */
async function refuse(): Promise<Response> {
  try {
    onnxServiceWorker({ threads: 2 } as object)
    return Response.json(null)
  } catch (error) {
    return Response.json((error as TensorferryError).toJSON())
  }
}

addEventListener('fetch', (event) => {
  const { pathname, searchParams } = new URL((event as Fetch).request.url)
  if (pathname === '/refuse') (event as Fetch).respondWith(refuse())
  if (pathname === '/predict') (event as Fetch).respondWith(double(Number(searchParams.get('value'))))
})
