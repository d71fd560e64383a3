import type { Availability, Backend } from '../../../backend.ts'
import { withCallOptions } from '../../../call.ts'
import { type BrokenBackend, brokenBackend } from '../broken-backend.ts'

const IDENTITY = 'the backend states apiVersion 1, its name and its formats'
const PROBE = 'probe answers, again and again, and sessions load after it'

/** Backends that say something wrong of themselves. */
export const brokenDescriptions: readonly BrokenBackend[] = [
  brokenBackend('is of another apiVersion', [IDENTITY], {
    backend: () => ({ apiVersion: 2 }) as unknown as Partial<Backend>,
  }),
  brokenBackend('has no name', [IDENTITY], { backend: () => ({ name: '' }) }),
  brokenBackend('answers probe with true', [PROBE], {
    backend: () => ({ probe: (options) => withCallOptions(options, async () => true as unknown as Availability) }),
  }),
  brokenBackend('gives no reason for being unavailable', [PROBE], {
    backend: () => ({
      probe: (options) =>
        withCallOptions(options, async () => ({
          available: false,
          code: 'BACKEND_UNAVAILABLE',
          reason: '',
          hint: 'no',
        })),
    }),
  }),
  brokenBackend('can be probed once', [PROBE], {
    backend(inner) {
      let probes = 0
      return { probe: (options) => (++probes > 1 ? Promise.reject(new Error('probed before')) : inner.probe(options)) }
    },
  }),
  brokenBackend('probes on after an abort', ['probe rejects with ABORTED when its signal has fired'], {
    backend: () => ({ probe: async () => ({ available: true }) }),
  }),
  brokenBackend('hides the version of its runtime', ['a session says which runtime it is on'], {
    session: ({ runtime }) => ({ runtime: { ...runtime, version: '' } }),
  }),
  brokenBackend('says that it has no threads', ['a session says which runtime it is on'], {
    session: ({ runtime }) => ({ runtime: { ...runtime, threads: 0 } }),
  }),
  brokenBackend('forgets the shapes of its signature', ['a session shows the inputs and outputs of its signature'], {
    session: ({ inputs }, { signature }) => ({
      inputs: signature ? inputs.map((spec) => ({ ...spec, shape: null })) : inputs,
    }),
  }),
  brokenBackend('does not know the dtypes of a bare file', ['a bare file is described by its runtime and runs'], {
    session: ({ outputs }, { signature }) => ({
      outputs: signature ? outputs : outputs.map((spec) => ({ ...spec, dtype: null })),
    }),
  }),
]
