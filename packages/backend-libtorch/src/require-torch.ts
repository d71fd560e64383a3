import { type Artifact, TensorferryError } from '@tensorferry/core'
import { compareVersions } from './discovery/version.ts'
import type { FoundLibtorch } from './found-libtorch.ts'

/**
 * Compares an artifact's `requires.torch`, such as `>=1.13` or `==2.13`, with a libtorch. Only major and minor count.
 *
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` with both versions
 */
export function requireTorch({ requires, name }: Artifact, { version, root }: FoundLibtorch): void {
  const [, relation = '==', wanted] = /^\s*(>=|==)?\s*(\d+\.\d+)/.exec(String(requires.torch ?? '')) ?? []
  if (wanted === undefined) return
  const order = compareVersions(version, wanted)
  if (order === 0 || (order > 0 && relation === '>=')) return
  throw new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `artifact ${JSON.stringify(name)} needs torch ${requires.torch}, the libtorch in ${root} is ${version}; use ${order < 0 ? 'a newer one' : 'that one'}`,
    { details: { wanted: requires.torch, version, root } },
  )
}
