import type { Backend, LoadOptions, Progress, Session, SessionSource } from '../../../backend.ts'
import { TensorferryError } from '../../../errors.ts'
import { damagedFileCases } from '../../cases/damaged-files.ts'
import { type BrokenBackend, brokenBackend } from '../broken-backend.ts'

const EVERY_DAMAGE = damagedFileCases.map(({ name }) => name)

type Create = Backend['createSession']

/** Changes how sessions are created. */
function creating(change: (create: Create, source: SessionSource, options: LoadOptions) => Promise<Session>) {
  return {
    backend: (inner: Backend): Partial<Backend> => ({
      createSession: async (source, options) => change(inner.createSession, source, options ?? {}),
    }),
  }
}

/** A session that fails when it is run: the file was never looked at. */
const emptySession: Session = {
  inputs: [],
  outputs: [],
  runtime: { name: 'none', version: '0', device: 'none', provider: null, threads: null },
  run: async () => {
    throw new TypeError('not loaded')
  },
  dispose: async () => {},
}

/** Turns the errors of creating into something else. */
const failingWith = (change: (error: TensorferryError) => unknown) =>
  creating((create, source, options) =>
    create(source, options).catch((error: TensorferryError) => {
      throw change(error)
    }),
  )

/** Replaces errors by a session that works on nothing. */
const loadingInstead = (applies: (error: TensorferryError, source: SessionSource) => boolean) =>
  creating((create, source, options) =>
    create(source, options).catch((error: TensorferryError) => {
      if (applies(error, source)) return emptySession
      throw error
    }),
  )

const isDamage = (error: TensorferryError, { artifact }: SessionSource): boolean =>
  error.code === 'FORMAT_UNSUPPORTED' && artifact?.format === 'onnx'

/** Backends that load badly, or load what they should refuse. */
export const brokenLoading: readonly BrokenBackend[] = [
  brokenBackend(
    'loads although the signal has fired',
    ['createSession rejects with ABORTED when the signal has fired before'],
    {
      ...creating((create, source, options) => create(source, options.signal?.aborted ? {} : options)),
    },
  ),
  brokenBackend(
    'loads on while it is aborted',
    ['createSession rejects with ABORTED when the signal fires while it loads'],
    {
      ...creating((create, source, { signal, ...options }) => create(source, signal?.aborted ? { signal } : options)),
    },
  ),
  brokenBackend('waits for a file for ever', ['createSession rejects with TIMED_OUT when the file never comes'], {
    ...creating((create, source, { timeoutMs, ...options }) => create(source, options)),
  }),
  brokenBackend(
    'hides why a file could not be read',
    ['createSession passes on the error of a file that cannot be read'],
    {
      ...failingWith((error) =>
        error.message.includes('provoked') ? new TensorferryError('RUNTIME_FAILED', 'cannot read') : error,
      ),
    },
  ),
  brokenBackend('fails over a missing artifact like a programmer', ['createSession without an artifact rejects'], {
    ...creating((create, source, options) => {
      if (!source.artifact) throw new TypeError("Cannot read properties of undefined (reading 'files')")
      return create(source, options)
    }),
  }),
  brokenBackend('takes the formats of others', ['refuses an artifact of a format it does not list'], {
    ...creating((create, { artifact, ...source }, options) =>
      create(artifact ? { ...source, artifact: { ...artifact, format: 'onnx' } } : source, options),
    ),
  }),
  brokenBackend('takes names that the model lacks', ['refuses a signature whose names the model lacks'], {
    ...creating((create, source, options) =>
      create(source, options).catch((error: TensorferryError) => {
        if (error.code !== 'BUNDLE_INVALID') throw error
        return { ...emptySession, run: async () => ({}) }
      }),
    ),
  }),
  brokenBackend('counts past the total', ['takes a progress callback'], {
    ...creating((create, source, options) => {
      options.onProgress?.({ phase: 'load', loaded: 2, total: 1 })
      return create(source, options)
    }),
  }),
  brokenBackend('has a phase of its own', ['takes a progress callback'], {
    ...creating((create, source, options) => {
      options.onProgress?.({ phase: 'compile', loaded: 0, total: null } as unknown as Progress)
      return create(source, options)
    }),
  }),
  brokenBackend('loads a model without its second file', ['refuses a model whose second file is missing'], {
    ...loadingInstead(({ message }) => message.includes('weights.bin')),
  }),
  brokenBackend('does not say which file is missing', ['refuses a model whose second file is missing'], {
    ...failingWith((error) =>
      error.message.includes('weights.bin') ? new TensorferryError('NOT_FOUND', 'a file is missing') : error,
    ),
  }),
  brokenBackend(
    'refuses dtypes with an error of its own',
    ['refuses a dtype that it lacks', 'refuses an output whose dtype the SDK lacks'],
    {
      ...failingWith((error) => (error.code === 'BACKEND_INCOMPATIBLE' ? new TypeError(error.message) : error)),
    },
  ),
  brokenBackend('gives an output of a dtype that is none', ['refuses an output whose dtype the SDK lacks'], {
    ...creating((create, source, options) =>
      create(source, options).catch((error: TensorferryError) => {
        if (error.message.includes('unknown-dtype')) return { ...emptySession, run: async () => ({}) }
        throw error
      }),
    ),
  }),
  brokenBackend('gives a dtype that it lacks', ['refuses a dtype that it lacks'], {
    ...creating((create, source, options) =>
      create(source, options).catch((error: TensorferryError) => {
        if (error.message.includes('bfloat16')) return { ...emptySession, run: async () => ({}) }
        throw error
      }),
    ),
  }),
  brokenBackend('loads any file', EVERY_DAMAGE, { ...loadingInstead(isDamage) }),
  brokenBackend('refuses files with an error of its own', EVERY_DAMAGE, {
    backend: (inner) => ({
      createSession: (source, options) =>
        inner.createSession(source, options).catch((error) => {
          throw isDamage(error, source) ? new SyntaxError('Protobuf parsing failed') : error
        }),
    }),
  }),
  brokenBackend('is dead after a damaged file', EVERY_DAMAGE, {
    backend(inner) {
      let dead = false
      return {
        async createSession(source, options) {
          if (dead) throw new TensorferryError('RUNTIME_FAILED', 'the runtime is gone')
          return inner.createSession(source, options).catch((error) => {
            dead = isDamage(error, source)
            throw error
          })
        },
      }
    },
  }),
  brokenBackend(
    'does not say what it found in place of a model',
    ['refuses an empty file', 'refuses an HTML page', 'refuses a Git LFS pointer'],
    {
      backend: (inner) => ({
        createSession: (source, options) =>
          inner.createSession(source, options).catch((error) => {
            throw isDamage(error, source) ? new TensorferryError('FORMAT_UNSUPPORTED', 'parsing failed') : error
          }),
      }),
    },
  ),
]
