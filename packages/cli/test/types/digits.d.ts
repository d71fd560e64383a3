// Written by `tensorferry types`; do not edit.
import type { InputTensor, OutputTensor } from '@tensorferry/core'

/**
 * Types of the bundle digits 1.0.0.
 * - batch: 1 to 1024, rows are independent
 */
export interface Digits {
  readonly inputs: {
    /** a white digit on black, normalised */
    readonly image: InputTensor<'float32', [batch: number, 1, 8, 8]>
  }
  readonly outputs: {
    /** one score for each digit, before softmax */
    readonly logits: OutputTensor<'float32', [batch: number, 10]>
  }
  readonly task: 'image-classification'
  readonly labels: '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
}
