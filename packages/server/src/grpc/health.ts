import { fileURLToPath } from 'node:url'
import {
  type ServerWritableStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { ServerContext } from '../context.ts'
import type { IncomingCall } from './call.ts'
import { GrpcRefusal, statusOf } from './status.ts'
import { unary } from './unary.ts'

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'

/** What is asked for: empty for the whole server. */
interface HealthRequest {
  readonly service: string
}
interface HealthResponse {
  readonly status: ServingStatus
}
type Watch = ServerWritableStream<HealthRequest, HealthResponse>

const SERVICE = 'grpc.health.v1.Health'
/** Names of the whole server: the empty one, and the service that is watched in its place by some. */
const WHOLE: readonly string[] = ['', 'inference.GRPCInferenceService']

/** The service as `grpc_health_v1.proto` has it, which lies beside this file. */
export function healthService(): ServiceDefinition {
  const file = fileURLToPath(new URL('grpc_health_v1.proto', import.meta.url))
  return loadSync(file, { enums: String, defaults: true })[SERVICE] as ServiceDefinition
}

/**
 * gRPC's own health protocol, as Kubernetes' probes and load balancers speak it: the status is the readiness that the other
 * protocols tell. Probes need no key; the list of names does.
 */
export class Health {
  readonly #context: ServerContext
  readonly #watches = new Set<() => void>()
  readonly implementation: UntypedServiceImplementation

  /** @param admitUser - throws for who may not see which models there are */
  constructor(context: ServerContext, admitUser: (call: IncomingCall) => void) {
    this.#context = context
    this.implementation = {
      Check: unary(
        context,
        'health',
        () => {},
        ({ service }: HealthRequest) => this.#check(service),
      ),
      List: unary(context, 'health', admitUser, () => ({ statuses: this.#list() })),
      Watch: (watch: Watch) => this.#watch(watch),
    }
  }

  /** Ends the streams with `UNAVAILABLE`: what they watched is going. */
  close(): void {
    for (const end of this.#watches) end()
  }

  #statusOf(service: string): ServingStatus {
    const { repository, draining } = this.#context
    if (WHOLE.includes(service)) return this.#context.ready() ? 'SERVING' : 'NOT_SERVING'
    const slash = service.indexOf('/')
    const [name, version] = slash === -1 ? [service] : [service.slice(0, slash), service.slice(slash + 1)]
    if (!draining && repository.isReady(name, version)) return 'SERVING'
    const isKnown = repository.index().some((one) => one.name === name && (version ?? one.version) === one.version)
    return isKnown ? 'NOT_SERVING' : 'SERVICE_UNKNOWN'
  }

  #check(service: string): HealthResponse {
    const found = this.#statusOf(service)
    if (found !== 'SERVICE_UNKNOWN') return { status: found }
    throw new GrpcRefusal(
      status.NOT_FOUND,
      `no model ${JSON.stringify(service.slice(0, 200))}; ask for "NAME", "NAME/VERSION", or "" for the whole server`,
    )
  }

  #list(): Readonly<Record<string, HealthResponse>> {
    const names = new Set([...WHOLE, ...this.#context.repository.index().map(({ name }) => name)])
    return Object.fromEntries([...names].map((name) => [name, { status: this.#statusOf(name) }]))
  }

  #watch(watch: Watch): void {
    const { service } = watch.request
    let told: ServingStatus | null = null
    const tell = (): void => {
      const found = this.#statusOf(service)
      if (found === told) return
      told = found
      watch.write({ status: found })
    }
    const stop = this.#context.onReadiness(tell)
    const leave = (): void => {
      stop()
      this.#watches.delete(end)
    }
    const end = (): void => {
      leave()
      const refusal = new GrpcRefusal(status.UNAVAILABLE, 'the server is closing; watch another one')
      watch.emit('error', statusOf(refusal).object)
    }
    this.#watches.add(end)
    watch.on('cancelled', leave)
    watch.on('close', leave)
    tell()
  }
}
