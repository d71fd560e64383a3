import { type DeployPlan, PORTS } from './plan.ts'
import { type WrittenFile, yamlFile } from './written-file.ts'

type Labels = Readonly<Record<string, string>>

/** Namespaces carry their own name as this label. */
const NAMESPACE = 'kubernetes.io/metadata.name'

interface PolicyOptions {
  /** Of the pods. */
  readonly labels: Labels
  /** False: something in the pod fetches the model. */
  readonly closesEgress: boolean
  readonly apply: string
  /** Where the pods' metrics are: a port's name where the container gives it one. */
  readonly metricsPort: { readonly port: string } | { readonly portNumber: number }
}

function networkPolicy(
  { name }: DeployPlan,
  namespaces: readonly string[],
  { labels, closesEgress, apply }: PolicyOptions,
): WrittenFile {
  const others = namespaces.map((namespace) => ({ namespaceSelector: { matchLabels: { [NAMESPACE]: namespace } } }))
  const ports = [PORTS.http, PORTS.grpc].map((port) => ({ protocol: 'TCP', port }))
  const value = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name },
    spec: {
      podSelector: { matchLabels: labels },
      policyTypes: closesEgress ? ['Ingress', 'Egress'] : ['Ingress'],
      ingress: [{ from: [{ podSelector: {} }, ...others], ports }],
      ...(closesEgress ? { egress: [] } : {}),
    },
  }
  return yamlFile(
    'network-policy.yaml',
    [
      `Who may reach the pods of ${name}: pods of the same namespace${namespaces.length > 0 ? `, and of ${namespaces.join(', ')}` : ''}. Probes come from the node, and always may.`,
      'An Ingress controller, Prometheus and a queue in other namespaces have to be among them: --network-policy NAMESPACE,NAMESPACE',
      closesEgress
        ? 'Nothing goes out: the model is in the image. Traces that are sent somewhere need an entry in "egress".'
        : 'What goes out is left open: KServe fetches the model from inside the pod.',
      apply,
    ],
    [value],
  )
}

function podMonitor({ name }: DeployPlan, { labels, apply, metricsPort }: PolicyOptions): WrittenFile {
  const value = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { name, labels: { 'app.kubernetes.io/name': name } },
    spec: {
      selector: { matchLabels: labels },
      podMetricsEndpoints: [{ ...metricsPort, path: '/metrics', interval: '15s' }],
    },
  }
  return yamlFile(
    'pod-monitor.yaml',
    [
      `The Prometheus operator asks each pod of ${name} for its metrics. The operator has to be there: it brings this kind.`,
      'Many installations take only monitors with a label of theirs, such as release: prometheus; add it below.',
      apply,
    ],
    [value],
  )
}

/** Files of both kinds that were asked for. */
export function guardFiles(plan: DeployPlan, options: PolicyOptions): readonly WrittenFile[] {
  const { networkPolicy: namespaces, podMonitor: isMonitored } = plan.access
  return [
    ...(namespaces === null ? [] : [networkPolicy(plan, namespaces, options)]),
    ...(isMonitored ? [podMonitor(plan, options)] : []),
  ]
}

/** An Ingress, where one was asked for. */
export function ingressFiles({ name, access }: DeployPlan, apply: string): readonly WrittenFile[] {
  if (!access.ingress) return []
  const { host, path, className, tlsSecret } = access.ingress
  const value = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name,
      labels: { 'app.kubernetes.io/name': name },
      annotations: { 'nginx.ingress.kubernetes.io/proxy-body-size': '64m' },
    },
    spec: {
      ...(className === null ? {} : { ingressClassName: className }),
      ...(tlsSecret === null ? {} : { tls: [{ hosts: [host], secretName: tlsSecret }] }),
      rules: [
        {
          host,
          http: {
            paths: [{ path: path || '/', pathType: 'Prefix', backend: { service: { name, port: { name: 'http' } } } }],
          },
        },
      ],
    },
  }
  return [
    yamlFile(
      'ingress.yaml',
      [
        `From outside: ${tlsSecret === null ? 'http' : 'https'}://${host}${path}/. Whoever reaches it may use the models; the server asks for keys with --api-keys-file.`,
        path === ''
          ? 'HTTP alone; for gRPC a controller wants an Ingress of its own.'
          : `HTTP alone. The path is left on: the server takes it off itself (--base-path ${path}), so no controller has to rewrite it.`,
        apply,
      ],
      [value],
      [
        {
          at: ['metadata', 'annotations'],
          comment: 'What the server itself takes; nginx would stop at 1 MB. Other controllers pass over it.',
        },
      ],
    ),
  ]
}
