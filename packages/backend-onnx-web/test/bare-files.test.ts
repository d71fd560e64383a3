import { onnxWeb } from '@tensorferry/backend-onnx-web'
import { testBareFiles } from '../../backend-onnx-node/test/bare-file-cases.ts'

testBareFiles(onnxWeb({ threads: 1 }))
