import type { Classification, RawImage, Tensor } from '@tensorferry/core'

/** Pixels. */
export function isImage(value: unknown): value is RawImage {
  return typeof value === 'object' && value !== null && 'mode' in value && 'width' in value
}

/** Labels with scores. */
export function isLabels(value: unknown): value is readonly Classification[] {
  return Array.isArray(value)
}

/** A tensor. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value
}
