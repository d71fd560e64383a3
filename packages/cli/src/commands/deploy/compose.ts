import { haproxyConfig } from './haproxy.ts'
import { imageFiles, NODE_IMAGE } from './image.ts'
import { isPinned } from './image-reference.ts'
import { type DeployPlan, PORTS, STOP_SECONDS } from './plan.ts'
import { type WrittenFile, yamlFile } from './written-file.ts'

const HARDENED = { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }

/** Of the environment, or of `.env`. */
const variable = (name: string, fallback: string): string => `\${${name}:-${fallback}}`

function composeFile(plan: DeployPlan): WrittenFile {
  const server = {
    // What has a digest is there already, and compose cannot build under one.
    ...(isPinned(plan.image)
      ? {}
      : { build: { context: '.', args: { NODE_IMAGE: variable('NODE_IMAGE', NODE_IMAGE) } } }),
    image: plan.image,
    ...HARDENED,
    tmpfs: ['/tmp'],
    expose: [String(PORTS.http), String(PORTS.grpc)],
    restart: 'unless-stopped',
    stop_grace_period: `${STOP_SECONDS}s`,
    deploy: {
      replicas: plan.replicas,
      resources: { limits: { cpus: String(plan.cpus), memory: `${2 * plan.memoryMiB}M` } },
    },
  }
  const proxy = {
    image: 'haproxy:3.0-alpine',
    ...HARDENED,
    ports: [`${PORTS.http}:${PORTS.http}`, `${PORTS.grpc}:${PORTS.grpc}`],
    volumes: ['./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro'],
    depends_on: { server: { condition: 'service_healthy' } },
    // Two files for each connection of haproxy.cfg's maxconn.
    ulimits: { nofile: 65_536 },
    restart: 'unless-stopped',
  }
  return yamlFile(
    'compose.yaml',
    [
      `${plan.model} ${plan.version} on one machine: ${plan.replicas} replicas of the server behind HAProxy.`,
      '',
      `docker compose up ${isPinned(plan.image) ? '' : '--build '}--detach --wait`,
      `docker compose up --detach --scale server=${plan.replicas + 2}   (up to ${plan.maxReplicas})`,
      `curl http://localhost:${PORTS.http}/v2/models/${plan.model}`,
      'NODE_IMAGE in the environment, or in .env, is the base to build on, such as one with its digest.',
    ],
    [{ name: plan.name, services: { server, proxy } }],
    [{ at: ['services', 'proxy', 'image'], comment: 'A digest may follow: haproxy:3.0-alpine@sha256:…' }],
  )
}

/** One machine: replicas behind a proxy. */
export function composeFiles(plan: DeployPlan, tarballs: readonly string[]): readonly WrittenFile[] {
  return [composeFile(plan), { path: 'haproxy.cfg', content: haproxyConfig(plan) }, ...imageFiles(plan, tarballs)]
}

/** What to do with them. */
export const composeSteps = (_: DeployPlan, folder: string): readonly string[] => [
  `cd ${folder}`,
  'docker compose up --build --detach --wait',
  `curl http://localhost:${PORTS.http}/v2/health/ready`,
]
