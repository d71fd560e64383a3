import { TensorferryError } from '@tensorferry/core'
import { findPackage } from '@tensorferry/core/node'

const RUNTIME = 'onnxruntime-node'

/** What is said where it cannot be found. */
export const NOT_INSTALLED = {
  reason: `${RUNTIME} cannot be found where this code runs, and no bundler can carry its native code`,
  hint: `put it into node_modules beside the app (npm install ${RUNTIME}), or mark @tensorferry/* and ${RUNTIME} external`,
} as const

let known: string | null = null

/**
 * Absolute path of onnxruntime-node's entry, by which alone it is loaded, also from apps that a bundler has put into one file.
 *
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it is not installed where this code runs
 */
export function findRuntime(): string {
  known ??= findPackage(RUNTIME, '@tensorferry/backend-onnx-node', import.meta.url)
  if (known) return known
  throw new TensorferryError('BACKEND_UNAVAILABLE', `${NOT_INSTALLED.reason}; ${NOT_INSTALLED.hint}`, {
    details: { package: RUNTIME },
  })
}
