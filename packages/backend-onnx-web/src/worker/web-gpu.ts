import * as ort from 'onnxruntime-web/jspi'
import { answerMessages } from './answer-messages.ts'
import { findObstacle } from './find-obstacle.ts'

answerMessages(ort, findObstacle)
