import { type DeployPlan, PORTS } from './plan.ts'
import { header } from './written-file.ts'

/** HAProxy's configuration in front of several servers. */
export function haproxyConfig({ name, maxReplicas }: DeployPlan): string {
  return `${header([
    `HAProxy in front of the replicas of ${name}. haproxy -c -f haproxy.cfg checks it; docker compose starts it.`,
    '',
    'Each request goes to the replica with the fewest in work. One that says it is not ready (loading, draining) gets none.',
    'What a dead replica left unanswered is sent to another one, where that is safe: see "retries" below.',
  ])}
global
  log stdout format raw local0 info
  maxconn 4000
  # A request is sent again only when it fits in here whole; two buffers a connection in work.
  tune.bufsize 262144

defaults
  log global
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-request 30s
  timeout queue 10s
  timeout check 3s
  # Retries: a connection that is refused is tried at another replica, always. A connection that breaks before the answer
  # begins, and a 503 (full, draining), are tried again for calls that change nothing: see "disable-l7-retry".
  retries 3
  option redispatch 1

# Docker's own name server: replicas are found as they come and go.
resolvers docker
  nameserver dns 127.0.0.11:53
  hold valid 2s
  hold nx 2s

frontend http
  mode http
  bind :${PORTS.http}
  option httplog
  option forwardfor
  default_backend servers

backend servers
  mode http
  balance leastconn
  option httpchk GET /v2/health/ready
  http-check expect status 200
  retry-on conn-failure empty-response 503
  # Inference is the same twice. Load and unload are not.
  http-request disable-l7-retry if { path_beg /v2/repository/models/ }
  default-server check inter 1s fall 1 rise 1 observe layer4 error-limit 1 on-error mark-down
  server-template replica 1-${maxReplicas} server:${PORTS.http} resolvers docker init-addr none

frontend grpc
  mode http
  bind :${PORTS.grpc} proto h2
  default_backend grpc-servers

backend grpc-servers
  mode http
  balance leastconn
  option httpchk GET /v2/health/ready
  default-server proto h2 check check-proto h1 port ${PORTS.http} inter 1s fall 1 rise 1
  server-template replica 1-${maxReplicas} server:${PORTS.grpc} resolvers docker init-addr none
`
}
