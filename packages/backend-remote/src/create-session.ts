import { type LoadOptions, type SessionSource, TensorferryError, withCallOptions } from '@tensorferry/core'
import { Balancer } from './balance/balancer.ts'
import type { Protocol } from './connection.ts'
import { checkSignature, signatureOf } from './describe-model.ts'
import type { ResolvedOptions } from './options.ts'
import { createRemoteSession, type RemoteSession } from './session.ts'

/** Every server of the options behind one balancer. */
export function connect(protocol: Protocol, options: ResolvedOptions): Balancer {
  const connections = options.urls.map((url) => protocol.connect(url))
  return new Balancer(connections, options)
}

/**
 * Asks a server what it is and what the model takes.
 *
 * @throws TensorferryError `OPTIONS_INVALID`, `NOT_FOUND`, `BACKEND_UNAVAILABLE`, `BACKEND_INCOMPATIBLE`, `ABORTED`, `TIMED_OUT`
 */
export async function createSession(
  protocol: Protocol,
  options: ResolvedOptions,
  source: SessionSource,
  load: LoadOptions,
): Promise<RemoteSession> {
  const balancer = connect(protocol, options)
  try {
    return await withCallOptions(load, () => open(balancer, protocol, options, source, load))
  } catch (error) {
    balancer.close()
    throw error
  }
}

async function open(
  balancer: Balancer,
  protocol: Protocol,
  options: ResolvedOptions,
  { signature: given }: SessionSource,
  { signal }: LoadOptions,
): Promise<RemoteSession> {
  const [url] = options.urls
  const metadata = await balancer.call((server, request) => server.modelMetadata(request), { signal })
  const isReady = await balancer.call((server, request) => server.isReady(request), { signal })
  if (!isReady) {
    throw new TensorferryError(
      'BACKEND_UNAVAILABLE',
      `${url}: the model ${options.model} is known and not ready; load it there, or wait until it is loaded`,
      { details: { url, model: options.model } },
    )
  }
  const server = await balancer.call((connection, request) => connection.serverMetadata(request), { signal })
  const warnings = given ? checkSignature(url!, given, metadata) : []
  const isBinary =
    options.protocol === 'rest-binary' ||
    (options.protocol === 'rest' && server.extensions.includes('binary_tensor_data'))
  return createRemoteSession({
    balancer,
    protocol,
    form: isBinary ? 'binary' : 'json',
    signature: given ?? signatureOf(url!, metadata),
    server,
    protocolName: options.protocol === 'grpc' ? 'grpc' : isBinary ? 'rest-binary' : 'rest-json',
    urls: options.urls,
    warnings,
  })
}
