import { Server, ServerCredentials } from '@grpc/grpc-js'
import { type ErrorCode, TensorferryError } from '@tensorferry/core'
import { inferenceService } from '@tensorferry/inference-protocol/grpc-service'
import type { Listener, ServerContext } from '../context.ts'
import { portRefused } from '../port-refused.ts'
import { healthService } from './health.ts'
import { createMethods } from './methods.ts'

/** A client that answers no ping for this long is gone, and its requests end. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': 20_000 }

/**
 * Listens for the Open Inference Protocol over gRPC, `inference.GRPCInferenceService`, and gRPC's health protocol.
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
  const { implementation, streams, health } = createMethods(context)
  server.addService(inferenceService(), implementation)
  server.addService(healthService(), health.implementation)

  const address = host.includes(':') ? `[${host}]` : host
  let onEnd: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve
  })
  const port = await bind(server, { host, address, port: grpcPort!, tls })
  return {
    url: `${tls ? 'grpcs' : 'grpc'}://${address}:${port}`,
    close: () => {
      streams.close()
      health.close()
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

interface BindOptions extends Pick<ServerContext['options'], 'host' | 'tls'> {
  /** The host as an address has it. */
  readonly address: string
  readonly port: number
}

function bind(server: Server, { host, address: bare, port, tls }: BindOptions): Promise<number> {
  const address = `${bare}:${port}`
  const failure = (code: ErrorCode, cause: unknown, advice: string): TensorferryError => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `gRPC cannot listen on ${address}: ${reason}; ${advice}`
    return new TensorferryError(code, message, { cause, details: { address } })
  }
  const refused = (cause: unknown): TensorferryError => {
    // grpc-js tries every address of a host, and tells of each with its system's code.
    const code = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|ENOTFOUND)\b/.exec(String(cause))?.[1]
    const known =
      code === undefined ? null : portRefused({ protocol: 'gRPC', host, port, option: 'grpcPort', code, cause })
    return known ?? failure('BACKEND_UNAVAILABLE', cause, 'choose another grpcPort, or end what listens there')
  }
  return new Promise((resolve, reject) => {
    try {
      server.bindAsync(address, credentials(tls), (error, bound) => {
        if (error) reject(refused(error))
        else resolve(bound)
      })
    } catch (error) {
      reject(failure('OPTIONS_INVALID', error, 'check host and grpcPort'))
    }
  })
}
