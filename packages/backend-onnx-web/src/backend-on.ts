import { type Availability, type Backend, withCallOptions } from '@tensorferry/core'
import { createOnnxSession } from './create-session.ts'
import type { Host } from './host.ts'
import { type OnnxWebOptions, resolveOptions } from './options.ts'
import type { OnnxWebSession } from './session.ts'

function availability({ obstacle }: Host): Availability {
  if (typeof WebAssembly === 'object') {
    return obstacle ? { available: false, code: 'BACKEND_UNAVAILABLE', ...obstacle } : { available: true }
  }
  return {
    available: false,
    code: 'BACKEND_UNAVAILABLE',
    reason: 'there is no WebAssembly here',
    hint: 'use a browser of 2021 or later, without a mode that switches WebAssembly off',
  }
}

/** The backend on a given host. */
export function backendOn(where: Host, options: OnnxWebOptions): Backend<OnnxWebSession> {
  const resolved = resolveOptions(options)
  return {
    apiVersion: 1,
    name: 'onnx-web',
    formats: ['onnx'],
    probe: (callOptions) => withCallOptions(callOptions, async () => availability(where)),
    createSession: (source, loadOptions) => createOnnxSession(source, where, resolved, loadOptions),
  }
}
