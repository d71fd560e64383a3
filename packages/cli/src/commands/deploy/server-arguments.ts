import { type DeployPlan, DRAIN_SECONDS, NEWS_SECONDS, PORTS } from './plan.ts'

/** Arguments of `tensorferry serve` in a container: every interface, fixed ports, one log line a request. */
export function serverArguments(
  { model, backend, cpus, access }: DeployPlan,
  path: string,
  { name = model } = {},
): readonly string[] {
  return [
    `${name}=${path}`,
    ...['--host', '0.0.0.0', '--port', String(PORTS.http), '--grpc-port', String(PORTS.grpc)],
    ...['--backend', backend.name, '--threads', String(cpus), '--log-level', 'info'],
    ...(access.ingress?.path ? ['--base-path', access.ingress.path] : []),
    // It goes on answering until no proxy or node sends requests here any more, then answers what it has taken.
    ...['--unready-delay', String(1000 * NEWS_SECONDS), '--drain', String(1000 * DRAIN_SECONDS)],
  ]
}
