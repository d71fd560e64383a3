import { guardFiles } from './access-files.ts'
import { CONTAINER_SECURITY, PROBES, resources, TEMPORARY } from './container.ts'
import { imageFiles, imageSteps } from './image.ts'
import { type DeployPlan, PORTS, STOP_SECONDS } from './plan.ts'
import { serverArguments } from './server-arguments.ts'
import { type WrittenFile, yamlFile } from './written-file.ts'

/** Name of the model format, which ties InferenceServices to the runtime. */
const FORMAT = { name: 'tensorferry', version: '1' }
const RUNTIME = 'tensorferry'

function servingRuntime(plan: DeployPlan): WrittenFile {
  const container = {
    name: 'kserve-container',
    image: plan.image,
    args: serverArguments(plan, '/mnt/models', { name: '{{.Name}}' }),
    ...PROBES,
    resources: resources(plan),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [TEMPORARY.mount],
  }
  const value = {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ServingRuntime',
    metadata: { name: RUNTIME },
    spec: {
      annotations: { 'prometheus.kserve.io/port': String(PORTS.http), 'prometheus.kserve.io/path': '/metrics' },
      supportedModelFormats: [{ ...FORMAT, autoSelect: true, priority: 1 }],
      protocolVersions: ['v2', 'grpc-v2'],
      containers: [container],
      volumes: [TEMPORARY.volume],
    },
  }
  return yamlFile(
    'serving-runtime.yaml',
    [
      'KServe: how a Tensorferry bundle is served. Once a namespace; with kind ClusterServingRuntime once a cluster.',
      'kubectl apply --filename serving-runtime.yaml',
    ],
    [value],
    [
      {
        at: ['spec', 'containers', 0, 'args'],
        comment: 'KServe puts the name of the InferenceService in, and its files at /mnt/models.',
      },
      {
        at: ['spec', 'containers', 0, 'resources'],
        comment: 'An estimate from the file size; an InferenceService may say otherwise.',
      },
    ],
  )
}

function inferenceService(plan: DeployPlan): WrittenFile {
  const value = {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name: plan.name },
    spec: {
      predictor: {
        minReplicas: plan.replicas,
        maxReplicas: plan.maxReplicas,
        terminationGracePeriodSeconds: STOP_SECONDS,
        model: { modelFormat: FORMAT, runtime: RUNTIME, protocolVersion: 'v2', storageUri: plan.storageUri },
      },
    },
  }
  return yamlFile(
    'inference-service.yaml',
    [
      `KServe: ${plan.model} ${plan.version}, served by the ServingRuntime ${RUNTIME}.`,
      'kubectl apply --filename inference-service.yaml',
      `Then: POST /v2/models/${plan.name}/infer`,
    ],
    [value],
    [
      {
        at: ['spec', 'predictor', 'model', 'storageUri'],
        comment:
          'The whole folder of the bundle: bundle.json and the files that it lists. pvc://, s3://, gs://, https://, oci://',
      },
    ],
  )
}

/** KServe: a runtime for bundles, and one model on it. */
export function kserveFiles(plan: DeployPlan, tarballs: readonly string[]): readonly WrittenFile[] {
  const image = imageFiles(plan, tarballs, { withModel: false })
  return [
    servingRuntime(plan),
    inferenceService(plan),
    ...guardFiles(plan, {
      labels: { 'serving.kserve.io/inferenceservice': plan.name },
      closesEgress: false,
      metricsPort: { portNumber: PORTS.http },
      apply: 'kubectl apply --filename FILE',
    }),
    ...image.map((file) => ({ ...file, path: `image/${file.path}` })),
  ]
}

/** What to do with them. */
export const kserveSteps = ({ image, name, storageUri, access }: DeployPlan, folder: string): readonly string[] => [
  ...imageSteps(image, `${folder}/image`),
  `copy the bundle’s folder to ${storageUri}   (--storage-uri)`,
  `kubectl apply --filename ${folder}/serving-runtime.yaml --filename ${folder}/inference-service.yaml`,
  ...(access.networkPolicy === null ? [] : [`kubectl apply --filename ${folder}/network-policy.yaml`]),
  ...(access.podMonitor ? [`kubectl apply --filename ${folder}/pod-monitor.yaml`] : []),
  `kubectl wait --for=condition=Ready inferenceservice/${name} --timeout=10m`,
]
