import * as ort from 'onnxruntime-web/wasm'
import { answerMessages } from './answer-messages.ts'

answerMessages(ort)
