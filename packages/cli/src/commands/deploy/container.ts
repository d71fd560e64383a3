import { type DeployPlan, PORTS } from './plan.ts'

/** Limits and requests of one replica. The CPU has no limit: a throttled pod is slow at random. */
export function resources({ cpus, memoryMiB }: DeployPlan): object {
  return { requests: { cpu: String(cpus), memory: `${memoryMiB}Mi` }, limits: { memory: `${2 * memoryMiB}Mi` } }
}

/** What the restricted Pod Security Standard asks of a container. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 1000,
  runAsGroup: 1000,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

const get = (path: string): object => ({ httpGet: { path, port: PORTS.http } })

/** Alive: restart it otherwise. Ready: its models are loaded, verified and warm, and it is not draining. */
export const PROBES = {
  // Loading and verifying may take five minutes.
  startupProbe: { ...get('/v2/health/ready'), periodSeconds: 2, failureThreshold: 150 },
  livenessProbe: { ...get('/v2/health/live'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
  readinessProbe: { ...get('/v2/health/ready'), periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2 },
}

/** The root is read-only; libraries may want a place for temporary files. */
export const TEMPORARY = {
  volume: { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
  mount: { name: 'tmp', mountPath: '/tmp' },
}
