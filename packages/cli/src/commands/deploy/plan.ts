import { join } from 'node:path'
import { type ManifestArtifact, type ManifestFile, type ModelFormat, TensorferryError } from '@tensorferry/core'
import { BACKENDS } from '@tensorferry/core/node'
import { packageName, shortName } from '../../backends/known.ts'
import type { BundleOnDisk } from '../../bundle/read.ts'
import { type Access, readAccess } from './access.ts'
import { readImage } from './image-reference.ts'

/** Where it is deployed. */
export const TARGETS = ['kserve', 'kubernetes', 'ray', 'compose'] as const

/** A value of {@link TARGETS}. */
export type Target = (typeof TARGETS)[number]

/** What the command line says of a deployment. */
export interface PlanOptions {
  readonly name?: string
  readonly image?: string
  readonly backend?: string
  readonly replicas: number
  readonly maxReplicas?: number
  readonly cpus: number
  readonly storageUri?: string
  /** True: its own namespace alone. */
  readonly networkPolicy?: boolean | string
  readonly podMonitor?: boolean
  readonly ingress?: string
  readonly ingressClass?: string
  readonly ingressTls?: string
}

/** What every target's files are made from. */
export interface DeployPlan {
  /** The model's name in addresses. */
  readonly model: string
  /** Name of resources: a DNS label. */
  readonly name: string
  readonly version: string
  readonly image: string
  /** Package of the backend, and its short name. */
  readonly backend: { readonly package: string; readonly name: string }
  readonly replicas: number
  readonly maxReplicas: number
  /** Cores of one replica, which are the threads of its runs. */
  readonly cpus: number
  /** MiB that one replica is given at first. */
  readonly memoryMiB: number
  readonly storageUri: string
  /** How it is reached, and by whom; null: nothing is written of it. */
  readonly access: Access
  /** Files of the bundle that the server reads; `path` is below the bundle's folder. */
  readonly modelFiles: readonly { readonly path: string; readonly from: string }[]
}

/** Ports that every target uses: those of KServe. */
export const PORTS = { http: 8080, grpc: 9000 } as const

/** Seconds in which a replica that ends is still sent requests, because the news has not reached every node or proxy. */
export const NEWS_SECONDS = 5
/** Seconds in which it answers what it has taken. */
export const DRAIN_SECONDS = 30
/** Seconds from SIGTERM to SIGKILL: both, and time to unload. */
export const STOP_SECONDS = NEWS_SECONDS + DRAIN_SECONDS + 10

/** Longest name of a Service, which a Deployment and its pods take too. */
const LONGEST_LABEL = 63
/** Backends that the image holds with nothing but npm. */
const FROM_NPM = ['onnx-node', 'onnx-web']
/** Targets whose image can hold libtorch too. */
const WITH_LIBTORCH: readonly Target[] = ['compose', 'kubernetes']

/** What a server can call a model; also what is the same in a URL, in a shell and in every file that is written here. */
const MODEL_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

function requireModelName(name: string, isGiven: boolean): string {
  if (MODEL_NAME.test(name)) return name
  throw new TensorferryError(
    'OPTIONS_INVALID',
    `${isGiven ? '--name' : "the bundle's name"}: expected letters, digits, ".", "_" and "-", at most 128 and the first no "." or "-", got ${JSON.stringify(name)}${isGiven ? '' : '; pass --name'}`,
    { details: { name } },
  )
}

/** A version as the tag of an image. */
function tagOf(version: string): string {
  const tag = version
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 128)
  return tag || 'latest'
}

/** `Super_Resolution.x3` to `super-resolution-x3`. */
function dnsLabel(name: string): string {
  const label = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_LABEL)
    .replace(/^[^a-z]+|-+$/g, '')
  if (label !== '') return label
  throw new TensorferryError(
    'OPTIONS_INVALID',
    `${JSON.stringify(name)} gives no name that a service can have (letters a to z, digits, -); pass --name`,
  )
}

function chosenBackend(target: Target, given: string | undefined): DeployPlan['backend'] {
  const name = shortName(packageName(given ?? 'onnx-node'))
  const known = WITH_LIBTORCH.includes(target) ? [...FROM_NPM, 'libtorch'] : FROM_NPM
  if (known.includes(name)) return { package: packageName(name), name }
  const elsewhere = name === 'libtorch' ? `; libtorch is written for ${WITH_LIBTORCH.join(' and ')}` : ''
  throw new TensorferryError('OPTIONS_INVALID', `--backend ${given}: ${target} takes ${known.join(', ')}${elsewhere}`)
}

/** Formats of the backend that an image can hold: compiled models are of one machine, and not part of a bundle. */
function formatsOf(backend: DeployPlan['backend']): readonly ModelFormat[] {
  const formats = BACKENDS.find((known) => known.package === backend.package)?.formats ?? []
  return formats.filter((format) => format !== 'aot-inductor')
}

/** Artifacts that the backend reads. */
function readable({ manifest, folder }: BundleOnDisk, backend: DeployPlan['backend']): readonly ManifestArtifact[] {
  const formats = formatsOf(backend)
  const artifacts = manifest.artifacts.filter(({ format }) => formats.includes(format))
  if (artifacts.length > 0) return artifacts
  const hasTorchScript = manifest.artifacts.some(({ format }) => format === 'torchscript')
  const advice = hasTorchScript ? `deploy ${WITH_LIBTORCH.join(' or ')} with --backend libtorch, or ` : ''
  const there = manifest.artifacts.map(({ name, format }) => `${name} (${format})`).join(', ')
  throw new TensorferryError(
    'FORMAT_UNSUPPORTED',
    `${folder} has no artifact that ${backend.name} reads (${formats.join(', ')}); it has ${there}; ${advice}export it with formats=["onnx"]`,
  )
}

/** Whole quarters of a GiB: the runtime and Node, and the weights three times (file, session, working memory). */
function memoryFor(files: readonly ManifestFile[]): number {
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  return Math.ceil((512 + (3 * bytes) / 2 ** 20) / 256) * 256
}

/**
 * Decides what is deployed.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for a name or backend that does not fit, `FORMAT_UNSUPPORTED` when the backend
 *   reads none of the bundle's artifacts
 */
export function makePlan(bundle: BundleOnDisk, target: Target, options: PlanOptions): DeployPlan {
  const { manifest, folder } = bundle
  const backend = chosenBackend(target, options.backend)
  const model = requireModelName(options.name ?? manifest.name, options.name !== undefined)
  const name = dnsLabel(model)
  const maxReplicas = options.maxReplicas ?? Math.max(10, options.replicas)
  if (maxReplicas < options.replicas) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `--max-replicas ${maxReplicas} is less than --replicas ${options.replicas}`,
    )
  }
  const weights = readable(bundle, backend).flatMap(({ files }) => files)
  // The goldens come along: the server replays the first before it is ready.
  const { goldens } = manifest
  const checks = goldens ? [goldens.file, ...goldens.cases.flatMap(({ raw }) => raw ?? [])] : []
  const paths = new Set(['bundle.json', ...[...weights, ...checks].map(({ path }) => path)])
  const access = readAccess(target, options)
  return {
    model,
    name,
    version: manifest.version,
    image: options.image === undefined ? `${name}-server:${tagOf(manifest.version)}` : readImage(options.image),
    backend,
    replicas: options.replicas,
    maxReplicas,
    cpus: options.cpus,
    memoryMiB: memoryFor(weights),
    storageUri: options.storageUri ?? `pvc://models/${name}`,
    access,
    modelFiles: [...paths].map((path) => ({ path, from: join(folder, path) })),
  }
}
