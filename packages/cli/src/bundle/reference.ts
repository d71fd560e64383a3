import type { Manifest } from '@tensorferry/core'

/** Whose numbers a bundle's goldens are: PyTorch's, or those of the runtime that ran an imported file. */
export function referenceOf({ producer }: Manifest): string {
  return producer?.goldens?.split(',')[0] ?? 'PyTorch'
}
