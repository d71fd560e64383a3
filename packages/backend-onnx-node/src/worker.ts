import { parentPort, workerData } from 'node:worker_threads'
import { enterNative, type GuardState, isSkipped, leaveNative } from './exit-guard.ts'
import { mapError, type Stage } from './map-error.ts'
import type { RawOutput, Reply, Request } from './messages.ts'
import { importRuntime, loadNativeModel, type NativeModel } from './native-model.ts'
import { unpackInputs } from './ort-tensor.ts'

const port = parentPort!
const state = (workerData as { state: GuardState }).state
let model: NativeModel | undefined
let tail: Promise<void> = Promise.resolve()

/** Runs one request at a time, in the order they came: the binding's calls overlap otherwise. */
port.on('message', (request: Request) => {
  tail = tail.then(() => handle(request))
})

async function handle(request: Request): Promise<void> {
  if (request.type === 'run' && isSkipped(state, request.id)) {
    send({ type: 'skipped', buffer: request.packed.buffer }, [request.packed.buffer])
    return
  }
  // The process is exiting: this thread is about to be ended and must not be in native code then.
  if (!enterNative(state)) return new Promise(() => {})
  let reply: Reply
  try {
    reply = await work(request)
  } catch (error) {
    const stage: Stage = request.type === 'run' ? 'run' : 'load'
    reply = { type: 'failed', error: mapError(error, stage).toJSON() }
  } finally {
    leaveNative(state)
  }
  if (request.type !== 'run') {
    send(reply, [])
    return
  }
  const { buffer } = request.packed
  sendOutputs(reply.type === 'outputs' ? { ...reply, buffer } : { ...(reply as Reply & { type: 'failed' }), buffer })
}

async function work(request: Request): Promise<Reply> {
  switch (request.type) {
    case 'probe':
      await importRuntime()
      return { type: 'closed' }
    case 'load':
      model = await loadNativeModel(request.data, request.options, request.outputs)
      return { type: 'loaded', description: model.description }
    case 'run':
      return { type: 'outputs', outputs: await model!.run(unpackInputs(request.packed)), buffer: request.packed.buffer }
    case 'close':
      await model?.release()
      model = undefined
      return { type: 'closed' }
  }
}

function send(reply: Reply, transfer: ArrayBuffer[]): void {
  port.postMessage(reply, transfer)
}

type NumericOutput = RawOutput & { readonly data: ArrayBufferView<ArrayBuffer> }

function isNumeric(output: RawOutput): output is NumericOutput {
  return ArrayBuffer.isView(output.data)
}

function withOwnMemory(output: RawOutput): RawOutput {
  if (!isNumeric(output)) return output
  const { buffer, byteOffset, byteLength } = output.data
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength)
  const View = output.data.constructor as new (buffer: ArrayBuffer) => ArrayBufferView<ArrayBuffer>
  return { ...output, data: new View(bytes) }
}

/** Moves the outputs and gives the inputs' buffer back. What cannot be moved is copied first. */
function sendOutputs(reply: Extract<Reply, { type: 'outputs' | 'failed' }>): void {
  const inputs = reply.buffer ? [reply.buffer] : []
  if (reply.type === 'failed') {
    send(reply, inputs)
    return
  }
  const moved = new Set<ArrayBuffer>()
  const outputs = reply.outputs.map((output) => {
    if (!isNumeric(output)) return output
    const isWhole = output.data.byteLength === output.data.buffer.byteLength && !moved.has(output.data.buffer)
    const own = (isWhole ? output : withOwnMemory(output)) as NumericOutput
    moved.add(own.data.buffer)
    return own
  })
  try {
    send({ ...reply, outputs }, [...inputs, ...moved])
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'DataCloneError') throw error
    const copies = outputs.map(withOwnMemory)
    send({ ...reply, outputs: copies }, [...inputs, ...copies.filter(isNumeric).map((output) => output.data.buffer)])
  }
}
