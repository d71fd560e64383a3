import type { Backend } from '@tensorferry/core'
import { createOnnxSession } from './create-session.ts'
import { type OnnxNodeOptions, resolveOptions } from './options.ts'
import { probe } from './probe.ts'
import type { OnnxNodeSession } from './session.ts'

/**
 * Runs ONNX models with onnxruntime-node, by default in a worker thread, so that the event loop stays free.
 *
 * @param options - see {@link OnnxNodeOptions}; checked at once
 * @throws TensorferryError `OPTIONS_INVALID` naming the option, and the one that was probably meant
 *
 * @example
 * const model = await loadModel('./super-resolution', { backend: onnxNode({ threads: 2 }) })
 */
export function onnxNode(options: OnnxNodeOptions = {}): Backend<OnnxNodeSession> {
  const resolved = resolveOptions(options)
  return {
    apiVersion: 1,
    name: 'onnx-node',
    formats: ['onnx'],
    probe,
    createSession: (source, loadOptions) => createOnnxSession(source, resolved, loadOptions),
  }
}
