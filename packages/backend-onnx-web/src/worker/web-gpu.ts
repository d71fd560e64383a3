import * as ort from 'onnxruntime-web/jspi'
import { answerMessages } from './answer-messages.ts'

answerMessages(ort)
