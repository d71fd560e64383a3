import { TensorferryError } from '@tensorferry/core'
import type { PlanOptions, Target } from './plan.ts'

/** Who reaches the pods, and how. */
export interface Access {
  /** Namespaces that may besides its own; null: everybody. */
  readonly networkPolicy: readonly string[] | null
  readonly podMonitor: boolean
  readonly ingress: {
    readonly host: string
    /** Such as `/digits`; empty: the host's root. */
    readonly path: string
    readonly className: string | null
    readonly tlsSecret: string | null
  } | null
}

/** A DNS name as Kubernetes takes it; a host may begin with `*.`. */
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)
const HOST = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`)
const PATH = /^(?:\/[A-Za-z0-9._~-]+)*$/
const FOR: Readonly<Record<string, readonly Target[]>> = {
  networkPolicy: ['kubernetes', 'kserve'],
  podMonitor: ['kubernetes', 'kserve'],
  ingress: ['kubernetes'],
  ingressClass: ['kubernetes'],
  ingressTls: ['kubernetes'],
}

function refuse(message: string): never {
  throw new TensorferryError('OPTIONS_INVALID', message)
}

const flagOf = (option: string): string => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

function requireTarget(target: Target, options: PlanOptions): void {
  for (const [option, targets] of Object.entries(FOR)) {
    const given = options[option as keyof PlanOptions]
    if (given === undefined || given === false || targets.includes(target)) continue
    const why = target === 'kserve' ? '; KServe makes addresses of its own for an InferenceService' : ''
    refuse(`${flagOf(option)} is of ${targets.join(' and ')}, not of ${target}${why}`)
  }
}

function requireName(option: string, text: string): string {
  return NAME.test(text)
    ? text
    : refuse(`${option}: expected a name of Kubernetes', such as my-name, got ${JSON.stringify(text)}`)
}

function readIngress({ ingress, ingressClass, ingressTls }: PlanOptions): Access['ingress'] {
  if (ingress === undefined) {
    const lonely = ingressClass === undefined ? ingressTls && '--ingress-tls' : '--ingress-class'
    return lonely ? refuse(`${lonely} says more of an Ingress; --ingress HOST writes one`) : null
  }
  const slash = ingress.indexOf('/')
  const host = slash === -1 ? ingress : ingress.slice(0, slash)
  const path = slash === -1 ? '' : ingress.slice(slash).replace(/\/+$/, '')
  const isClimbing = path.split('/').some((part) => part === '.' || part === '..')
  if (!HOST.test(host) || !PATH.test(path) || isClimbing) {
    refuse(
      `--ingress: expected a host such as models.example.org, or models.example.org/digits, got ${JSON.stringify(ingress)}`,
    )
  }
  return {
    host,
    path,
    className: ingressClass === undefined ? null : requireName('--ingress-class', ingressClass),
    tlsSecret: ingressTls === undefined ? null : requireName('--ingress-tls', ingressTls),
  }
}

/** @throws TensorferryError `OPTIONS_INVALID` for what the target has not, and names that are none */
export function readAccess(target: Target, options: PlanOptions): Access {
  requireTarget(target, options)
  const { networkPolicy, podMonitor = false } = options
  const namespaces = typeof networkPolicy === 'string' ? networkPolicy.split(',').map((name) => name.trim()) : []
  for (const namespace of namespaces) requireName('--network-policy', namespace)
  return {
    networkPolicy: networkPolicy === undefined || networkPolicy === false ? null : namespaces,
    podMonitor,
    ingress: readIngress(options),
  }
}
