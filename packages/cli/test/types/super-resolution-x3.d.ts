// Written by `tensorferry types`; do not edit.
import type { InputTensor, OutputTensor } from '@tensorferry/core'

/**
 * Types of the bundle super-resolution-x3 1.0.0.
 * - batch: 1 to 64, rows are independent
 * - height: 1 to 4096
 * - width: 1 to 4096
 */
export interface SuperResolutionX3 {
  readonly inputs: {
    /** luma (Y of YCbCr), 0 to 1 */
    readonly input: InputTensor<'float32', [batch: number, 1, height: number, width: number]>
  }
  readonly outputs: {
    /** luma, about 0 to 1, not clamped */
    readonly output: OutputTensor<'float32', [batch: number, 1, /* 3*height */ number, /* 3*width */ number]>
  }
  readonly task: 'image-to-image'
}
