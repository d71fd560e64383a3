import { createRequire } from 'node:module'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type OrtOutput, unpackInputs } from '@tensorferry/onnx-shared/ort-tensor'
import { type OwnOutputs, ownOutputs } from '@tensorferry/onnx-shared/own-outputs'
import { enterNative, isSkipped, leaveNative } from './exit-guard.ts'
import { mapError } from './map-error.ts'
import type { Reply, Request } from './messages.ts'
import { loadNativeModel, loadRuntime, type NativeModel } from './native-model.ts'
import type { WorkerData } from './start-worker.ts'

const port = parentPort!
const { state, runtime: told } = workerData as WorkerData
// Its name stands here for tools that trace what a server needs; bundlers do not read this file.
const runtime = told ?? createRequire(import.meta.url).resolve('onnxruntime-node')
let model: NativeModel | undefined
let isBusy = false

/** One request at a time, in the order they came: the binding's calls overlap otherwise. */
port.on('message', (request: Request) => {
  if (isBusy) waiting.push(request)
  else void work(request)
})

const waiting: Request[] = []

async function work(first: Request): Promise<void> {
  isBusy = true
  await handle(first)
  for (let next = takeRequest(); next; next = takeRequest()) await handle(next.request)
  isBusy = false
}

/** A run that was sent ahead is taken at once: the port's own event would come a turn later, with the cores idle. */
function takeRequest(): { readonly request: Request } | null {
  if (waiting.length > 0) return { request: waiting.shift()! }
  const received = receiveMessageOnPort(port) as { message: Request } | undefined
  return received ? { request: received.message } : null
}

async function handle(request: Request): Promise<void> {
  if (request.type === 'run' && isSkipped(state, request.id)) {
    send({ type: 'skipped', buffer: request.packed.buffer }, [request.packed.buffer])
    return
  }
  // The process is exiting: this thread is about to be ended and must not be in native code then.
  if (!enterNative(state)) return new Promise(() => {})
  try {
    switch (request.type) {
      case 'probe':
        loadRuntime(runtime)
        return send({ type: 'closed' })
      case 'load':
        model = await loadNativeModel(runtime, request.data, request.options, request.outputs)
        return send({ type: 'loaded', description: model.description })
      case 'run':
        return sendOutputs(await model!.run(unpackInputs(request.packed)), request.packed.buffer)
      case 'close':
        await model?.release()
        model = undefined
        return send({ type: 'closed' })
    }
  } catch (error) {
    if (request.type === 'run') {
      const { buffer } = request.packed
      send({ type: 'failed', error: mapError(error, 'run').toJSON(), buffer }, [buffer])
    } else send({ type: 'failed', error: mapError(error, 'load').toJSON() })
  } finally {
    leaveNative(state)
  }
}

function send(reply: Reply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(reply, transfer)
}

/** Moves the outputs and gives the inputs' buffer back. */
function sendOutputs(results: Readonly<Record<string, OrtOutput>>, buffer: ArrayBuffer): void {
  const sendOwn = ({ outputs, buffers }: OwnOutputs): void =>
    send({ type: 'outputs', outputs, buffer }, [buffer, ...buffers])
  try {
    sendOwn(ownOutputs(results))
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'DataCloneError') throw error
    // Memory that ONNX Runtime keeps for itself.
    sendOwn(ownOutputs(results, true))
  }
}
