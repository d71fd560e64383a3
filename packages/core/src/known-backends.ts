import type { ModelFormat } from './backend.ts'
import { nearestName } from './names.ts'

/** A backend of this project. */
export interface KnownBackend {
  readonly package: string
  /** Whether it can be installed. */
  readonly isPublished: boolean
  /** Package of the runtime that it stands on. */
  readonly runtime: string
  readonly formats: readonly ModelFormat[]
  /** It runs nothing until it is told where, such as a server's address: never taken unasked. */
  readonly needsOptions?: true
}

/** Tensorferry's own backends, the likeliest first. */
export const BACKENDS: readonly KnownBackend[] = [
  { package: '@tensorferry/backend-onnx-node', isPublished: true, runtime: 'onnxruntime-node', formats: ['onnx'] },
  {
    package: '@tensorferry/backend-libtorch',
    isPublished: true,
    runtime: 'torch',
    formats: ['torchscript', 'aot-inductor'],
  },
  { package: '@tensorferry/backend-onnx-web', isPublished: true, runtime: 'onnxruntime-web', formats: ['onnx'] },
  {
    package: '@tensorferry/backend-remote',
    isPublished: true,
    runtime: '@grpc/grpc-js',
    formats: [],
    needsOptions: true,
  },
]

/** Packages of backends that can be installed and then run models here. */
export const PUBLISHED_BACKENDS: readonly string[] = BACKENDS.filter((one) => one.isPublished && !one.needsOptions).map(
  (one) => one.package,
)

/** `onnx-node` of `@tensorferry/backend-onnx-node`, which is the name that the backend has in reports. */
const shortName = (name: string): string => name.replace(/^@[^/]*\//, '').replace(/^backend-/, '')

/** The package of a backend that was most likely meant by a name such as `onnx-node` or `onnxruntime-node`; null when none is near. */
export function nearestBackend(name: string): string | null {
  if (BACKENDS.some((one) => one.package === name)) return null
  const meant =
    BACKENDS.find(({ runtime }) => runtime === name) ??
    BACKENDS.find(
      (one) =>
        shortName(one.package) ===
        nearestName(
          shortName(name),
          BACKENDS.map((known) => shortName(known.package)),
        ),
    )
  return meant?.package ?? null
}

/** How to get a backend that is not there: never an install command for a name that may be mistyped. */
export function installAdvice(name: string): string {
  const known = BACKENDS.find((one) => one.package === name)
  if (known?.isPublished) return `run: npm install ${name}`
  const published = PUBLISHED_BACKENDS.map((one) => `npm install ${one}`).join(' or ')
  if (known) return `it is not published yet; there is: ${published}`
  const meant = nearestBackend(name)
  return meant === null
    ? `if it is a backend of somebody else's, install it; Tensorferry's own: ${published}`
    : `did you mean ${JSON.stringify(meant)}? ${meant === PUBLISHED_BACKENDS[0] ? `To install it: npm install ${meant}` : installAdvice(meant)}`
}
