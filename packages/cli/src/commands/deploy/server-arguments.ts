import { type DeployPlan, PORTS } from './plan.ts'

/** Arguments of `tensorferry serve` in a container: every interface, fixed ports, one log line a request. */
export function serverArguments(
  { model, backend, cpus }: DeployPlan,
  path: string,
  { name = model } = {},
): readonly string[] {
  return [
    `${name}=${path}`,
    ...['--host', '0.0.0.0', '--port', String(PORTS.http), '--grpc-port', String(PORTS.grpc)],
    ...['--backend', backend.name, '--threads', String(cpus), '--log-level', 'info'],
  ]
}
