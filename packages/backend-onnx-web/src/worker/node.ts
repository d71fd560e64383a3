import { parentPort } from 'node:worker_threads'
import * as ort from 'onnxruntime-web'
import type { Request } from '../messages.ts'
import { serve } from './serve.ts'

const port = parentPort!
const handle = serve(ort, (reply, transfer) => port.postMessage(reply, transfer))
port.on('message', (request: Request) => void handle(request))
