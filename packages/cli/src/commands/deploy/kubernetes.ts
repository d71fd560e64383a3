import { guardFiles, ingressFiles } from './access-files.ts'
import { CONTAINER_SECURITY, PROBES, resources, TEMPORARY } from './container.ts'
import { imageFiles, imageSteps } from './image.ts'
import { type DeployPlan, PORTS, STOP_SECONDS } from './plan.ts'
import { QUEUE_METRIC } from './queue-metric.ts'
import { serverArguments } from './server-arguments.ts'
import { type WrittenFile, yamlFile } from './written-file.ts'

const APPLY = 'kubectl apply --kustomize .   (in this folder; kustomization.yaml says in which order)'

/** What a label may hold: 63 characters, letters or digits at its ends. */
function labelValue(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
}

function deployment(plan: DeployPlan): WrittenFile {
  const labels = { 'app.kubernetes.io/name': plan.name }
  const container = {
    name: 'server',
    image: plan.image,
    args: serverArguments(plan, `/models/${plan.name}`),
    ports: [
      { name: 'http', containerPort: PORTS.http },
      { name: 'grpc', containerPort: PORTS.grpc },
    ],
    ...PROBES,
    resources: resources(plan),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [TEMPORARY.mount],
  }
  const annotations = {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(PORTS.http),
    'prometheus.io/path': '/metrics',
  }
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: labels },
  }
  const value = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: plan.name,
      labels: { ...labels, 'app.kubernetes.io/version': labelValue(plan.version) },
    },
    spec: {
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels, ...(plan.access.podMonitor ? {} : { annotations }) },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: STOP_SECONDS,
          topologySpreadConstraints: [spread],
          containers: [container],
          volumes: [TEMPORARY.volume],
        },
      },
    },
  }
  const pod = ['spec', 'template', 'spec']
  return yamlFile(
    'deployment.yaml',
    [`${plan.model} ${plan.version}: replicas of the server, each with the model in its image.`, APPLY],
    [value],
    [
      { at: ['spec', 'selector'], comment: 'No "replicas": the autoscaler sets it.' },
      {
        at: [...pod, 'terminationGracePeriodSeconds'],
        comment: 'Longer than the server’s --unready-delay and --drain together.',
      },
      { at: [...pod, 'containers', 0, 'resources'], comment: 'An estimate from the file size; look at what it uses.' },
    ],
  )
}

function service({ name, model }: DeployPlan): WrittenFile {
  const value = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: { 'app.kubernetes.io/name': name } },
    spec: {
      selector: { 'app.kubernetes.io/name': name },
      ports: [
        { name: 'http', port: PORTS.http, targetPort: 'http', appProtocol: 'http' },
        { name: 'grpc', port: PORTS.grpc, targetPort: 'grpc', appProtocol: 'kubernetes.io/h2c' },
      ],
    },
  }
  return yamlFile(
    'service.yaml',
    [
      `Address of the replicas: http://${name}:${PORTS.http}/v2/models/${model}/infer inside the cluster.`,
      'A Service balances connections. A gRPC client keeps one, so it stays on one replica, unless it balances by itself',
      '(remote() with several URLs) or a service mesh does.',
      APPLY,
    ],
    [value],
  )
}

function autoscaler({ name, replicas, maxReplicas }: DeployPlan): WrittenFile {
  const value = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: replicas,
      maxReplicas,
      metrics: [
        {
          type: 'Pods',
          pods: { metric: { name: QUEUE_METRIC }, target: { type: 'AverageValue', averageValue: '4' } },
        },
      ],
      behavior: {
        scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
        scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
      },
    },
  }
  return yamlFile(
    'horizontal-pod-autoscaler.yaml',
    [
      'More replicas when requests wait: more than 4 in the queue of a pod, on average.',
      'The figure is a custom metric. Kubernetes knows it once Prometheus scrapes the pods (they are annotated, or have a PodMonitor) and the',
      'Prometheus adapter is installed with prometheus-adapter-values.yaml. Without it the number of replicas stays.',
      APPLY,
    ],
    [value],
  )
}

function disruptionBudget({ name }: DeployPlan): WrittenFile {
  const value = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec: { maxUnavailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': name } } },
  }
  return yamlFile('pod-disruption-budget.yaml', ['Nodes that are drained take one replica at a time.', APPLY], [value])
}

function adapterValues({ name }: DeployPlan): WrittenFile {
  const rule = {
    seriesQuery: `${QUEUE_METRIC}{namespace!="",pod!=""}`,
    resources: { overrides: { namespace: { resource: 'namespace' }, pod: { resource: 'pod' } } },
    name: { matches: QUEUE_METRIC, as: QUEUE_METRIC },
    metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)',
  }
  return yamlFile(
    'prometheus-adapter-values.yaml',
    [
      `Helm values of the Prometheus adapter: gives ${QUEUE_METRIC} of the pods to the autoscaler of ${name}.`,
      'helm upgrade --install prometheus-adapter prometheus-community/prometheus-adapter --values prometheus-adapter-values.yaml',
      'Set prometheus.url to where your Prometheus is.',
    ],
    [{ rules: { custom: [rule] } }],
  )
}

/** Plain Kubernetes: no operator, one autoscaler. */
export function kubernetesFiles(plan: DeployPlan, tarballs: readonly string[]): readonly WrittenFile[] {
  const labels = { 'app.kubernetes.io/name': plan.name }
  const applied = [
    deployment(plan),
    service(plan),
    autoscaler(plan),
    disruptionBudget(plan),
    ...guardFiles(plan, { labels, closesEgress: true, apply: APPLY, metricsPort: { port: 'http' } }),
    ...ingressFiles(plan, APPLY),
  ]
  const kustomization = yamlFile(
    'kustomization.yaml',
    ['What is applied together.', 'kubectl apply --kustomize .'],
    [
      {
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        resources: applied.map(({ path }) => path),
      },
    ],
  )
  const image = imageFiles(plan, tarballs).map((file) => ({ ...file, path: `image/${file.path}` }))
  return [kustomization, ...applied, adapterValues(plan), ...image]
}

/** What to do with them. */
export const kubernetesSteps = ({ image, name }: DeployPlan, folder: string): readonly string[] => [
  ...imageSteps(image, `${folder}/image`),
  `kubectl apply --kustomize ${folder}`,
  `kubectl rollout status deployment/${name}`,
]
