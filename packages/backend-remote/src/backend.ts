import { type Availability, type Backend, type CallOptions, TensorferryError, throwIfAborted } from '@tensorferry/core'
import { grpcProtocol } from '#grpc'
import type { Protocol } from './connection.ts'
import { connect, createSession } from './create-session.ts'
import { type RemoteOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { restProtocol } from './rest/protocol.ts'
import type { RemoteSession } from './session.ts'

const PROBE_TIMEOUT_MS = 10_000

/**
 * Runs models on a server that speaks the Open Inference Protocol v2, over REST or gRPC: `tensorferry serve`, Triton, KServe,
 * MLServer, and what stands behind Ray Serve.
 *
 * Without a source, `loadModel({ backend: remote(…) })` takes the signature from the server. With a bundle, its signature is
 * compared with the server's, its goldens are replayed there, and its pipeline runs here.
 *
 * @param options - see {@link RemoteOptions}; checked at once
 * @throws TensorferryError `OPTIONS_INVALID` naming the option and what is known
 *
 * @example
 * const model = await loadModel({ backend: remote({ url: 'http://127.0.0.1:8080', model: 'digits' }) })
 */
export function remote(options: RemoteOptions): Backend<RemoteSession> {
  const resolved = resolveOptions(options)
  const protocolOf = (): Protocol => (resolved.protocol === 'grpc' ? grpcProtocol(resolved) : restProtocol(resolved))
  return {
    apiVersion: 1,
    name: 'remote',
    formats: [],
    probe: (callOptions) => probe(protocolOf, resolved, callOptions),
    createSession: async (source, load = {}) => {
      throwIfAborted(load)
      return createSession(protocolOf(), resolved, source, load)
    },
  }
}

/** Asks whether a server answers at all; not whether the model is there, which `createSession` says better. */
async function probe(
  protocolOf: () => Protocol,
  options: ResolvedOptions,
  callOptions: CallOptions | undefined,
): Promise<Availability> {
  throwIfAborted(callOptions)
  let balancer: ReturnType<typeof connect> | undefined
  try {
    balancer = connect(protocolOf(), { ...options, timeoutMs: options.timeoutMs ?? PROBE_TIMEOUT_MS })
    await balancer.call((server, request) => server.isReady(request), callOptions)
    return { available: true }
  } catch (error) {
    if (!TensorferryError.is(error)) throw error
    const isCallersEnd = callOptions?.signal?.aborted || (error.code === 'TIMED_OUT' && callOptions?.timeoutMs)
    if (isCallersEnd) throw error
    return {
      available: false,
      code: error.code,
      reason: error.message,
      hint: `start the server, or check the address ${options.urls.join(', ')}`,
    }
  } finally {
    balancer?.close()
  }
}
