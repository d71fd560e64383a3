import { Server, ServerCredentials } from '@grpc/grpc-js'
import { type ErrorCode, TensorferryError } from '@tensorferry/core'
import { inferenceService } from '@tensorferry/inference-protocol/grpc-service'
import type { Listener, ServerContext } from '../context.ts'
import { createMethods } from './methods.ts'

/** A client that answers no ping for this long is gone, and its requests end. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': 20_000 }

/**
 * Listens for the Open Inference Protocol over gRPC: `inference.GRPCInferenceService`.
 *
 * @param context - `options.grpcPort` is a number; 0: any free port
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when the address cannot be had, `OPTIONS_INVALID` when it is none
 */
export async function createGrpc(context: ServerContext): Promise<Listener> {
  const { host, grpcPort, tls, bodyLimit } = context.options
  const server = new Server({
    // Counts the inflated bytes of compressed messages too.
    'grpc.max_receive_message_length': bodyLimit,
    'grpc.max_send_message_length': -1,
    // With HTTP/2's own 64 KiB, megabytes wait for permission again and again: a quarter slower on one machine.
    'grpc-node.flow_control_window': 2 ** 22,
    ...KEEPALIVE,
  })
  const { implementation, streams } = createMethods(context)
  server.addService(inferenceService(), implementation)

  const address = host.includes(':') ? `[${host}]` : host
  let onEnd: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve
  })
  const port = await bind(server, `${address}:${grpcPort}`, tls)
  return {
    url: `${tls ? 'grpcs' : 'grpc'}://${address}:${port}`,
    close: () => {
      streams.close()
      server.tryShutdown(() => onEnd())
      return ended
    },
    cut: () => {
      server.forceShutdown()
      // grpc-js waits for ever for a connection that failed in its first bytes, such as TLS where there is none, at that moment.
      onEnd()
    },
  }
}

function credentials(tls: ServerContext['options']['tls']): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure()
  return ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }])
}

function bind(server: Server, address: string, tls: ServerContext['options']['tls']): Promise<number> {
  const failure = (code: ErrorCode, cause: unknown, advice: string): TensorferryError => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `gRPC cannot listen on ${address}: ${reason}; ${advice}`
    return new TensorferryError(code, message, { cause, details: { address } })
  }
  return new Promise((resolve, reject) => {
    try {
      server.bindAsync(address, credentials(tls), (error, port) => {
        if (error) reject(failure('BACKEND_UNAVAILABLE', error, 'choose another grpcPort, or end what listens there'))
        else resolve(port)
      })
    } catch (error) {
      reject(failure('OPTIONS_INVALID', error, 'check host and grpcPort'))
    }
  })
}
