import {
  type CallOptions,
  checkInputs,
  Queue,
  type RuntimeInfo,
  type Session,
  type Signature,
  type Tensor,
  TensorferryError,
  type TensorSpec,
  type Tensors,
} from '@tensorferry/core'
import type { Balancer } from './balance/balancer.ts'
import type { Protocol, ServerMetadata, TensorForm } from './connection.ts'

/** What a remote session says of its runtime. */
export interface RemoteRuntime extends RuntimeInfo {
  /** What is spoken: `rest-binary`, `rest-json` or `grpc`. */
  readonly protocol: 'rest-binary' | 'rest-json' | 'grpc'
  /** Addresses of the servers. */
  readonly urls: readonly string[]
}

/** A session whose model runs on a server. */
export interface RemoteSession extends Session {
  readonly runtime: RemoteRuntime
  /** Addresses that are left out at the moment, because they cannot be reached or break off. */
  readonly unavailable: readonly string[]
}

/** What a session stands on. */
export interface SessionParts {
  readonly balancer: Balancer
  readonly protocol: Protocol
  readonly form: TensorForm
  readonly signature: Signature
  readonly server: ServerMetadata
  readonly protocolName: RemoteRuntime['protocol']
  readonly urls: readonly string[]
  readonly warnings: readonly string[]
}

/** Where the model runs, as reports show it: the first server, and how many others. */
function deviceOf([first, ...others]: readonly string[]): string {
  return others.length === 0 ? first! : `${first} and ${others.length} more`
}

/** Puts a session together. */
export function createRemoteSession(parts: SessionParts): RemoteSession {
  return new ServedSession(parts)
}

class ServedSession implements RemoteSession {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly runtime: RemoteRuntime
  readonly #parts: SessionParts
  readonly #running = new Queue<Promise<unknown>>()
  #disposal: Promise<void> | null = null

  constructor(parts: SessionParts) {
    const { signature, server, protocolName, urls, warnings } = parts
    this.inputs = signature.inputs
    this.outputs = signature.outputs
    this.runtime = {
      name: server.name,
      version: server.version,
      device: deviceOf(urls),
      provider: null,
      threads: null,
      protocol: protocolName,
      urls,
      ...(warnings.length > 0 ? { warnings } : {}),
    }
    this.#parts = parts
  }

  get unavailable(): readonly string[] {
    return this.#parts.balancer.out
  }

  async run(inputs: Tensors, options?: CallOptions): Promise<Tensors> {
    if (this.#disposal) throw new TensorferryError('SESSION_DISPOSED', 'the session was disposed; create a new one')
    const { balancer, protocol, form, signature } = this.#parts
    checkInputs(signature, inputs)
    // Before anything is awaited: the caller may change its arrays afterwards.
    const body = protocol.encode(inputs, form)
    const run = balancer.call((connection, request) => connection.infer(body, request), options, true)
    const place = this.#running.add(run)
    try {
      return this.#pick(await run)
    } finally {
      this.#running.remove(place)
    }
  }

  dispose(): Promise<void> {
    this.#disposal ??= (async () => {
      await Promise.allSettled(this.#running)
      this.#parts.balancer.close()
    })()
    return this.#disposal
  }

  /** The signature's outputs, in its order; what else a server sends is left out. */
  #pick(received: Tensors): Tensors {
    const outputs: Record<string, Tensor> = {}
    for (const { name, dtype } of this.outputs) {
      const output = received[name]
      if (output && (dtype === null || output.dtype === dtype)) {
        outputs[name] = output
        continue
      }
      const got = output ? `${name} as ${output.dtype}` : Object.keys(received).join(', ') || 'no output'
      throw new TensorferryError(
        'RUNTIME_FAILED',
        `the server gave ${got}, expected ${name} as ${dtype ?? 'any dtype'}`,
        {
          details: { output: name },
        },
      )
    }
    return outputs
  }
}
