import { TensorferryError } from '@tensorferry/core'

/** What a system says of an address that cannot be listened on. */
export interface RefusedPort {
  readonly protocol: 'HTTP' | 'gRPC'
  readonly host: string
  readonly port: number
  /** Name of the option that sets the port. */
  readonly option: 'port' | 'grpcPort'
  /** Of the system, such as `EADDRINUSE`. */
  readonly code: string | undefined
  readonly cause: unknown
}

const FLAGS = { port: '--port', grpcPort: '--grpc-port' } as const

/**
 * The error for an address that cannot be had, in words of its own for the usual reasons. `details.reason` is the system's code.
 *
 * @returns `BACKEND_UNAVAILABLE`, or `OPTIONS_INVALID` for a host that is none of this machine's
 */
export function portRefused({ protocol, host, port, option, code, cause }: RefusedPort): TensorferryError | null {
  const details = { reason: code, host, port }
  const setting = `${FLAGS[option]} (option ${option})`
  switch (code) {
    case 'EADDRINUSE':
      return new TensorferryError(
        'BACKEND_UNAVAILABLE',
        `port ${port} of ${host} is in use: another program listens there, perhaps this server started before; end it, or choose another port for ${protocol} with ${setting}, 0 for any free one`,
        { cause, details },
      )
    case 'EACCES':
      return new TensorferryError(
        'BACKEND_UNAVAILABLE',
        `port ${port} of ${host} is not allowed for this user (ports below 1024 seldom are); choose another port for ${protocol} with ${setting}`,
        { cause, details },
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new TensorferryError(
        'OPTIONS_INVALID',
        `host: ${host} is no address of this machine; expected one of its own, 127.0.0.1 for this machine alone, or 0.0.0.0 for all`,
        { cause, details },
      )
    default:
      return null
  }
}
