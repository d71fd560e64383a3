import type { Classification, RawImage, Tensor } from '@tensorferry/core'
import {
  type CanvasPicture,
  imagePicture,
  rangeOf,
  tensorPicture,
  type ValueRange,
} from '../pictures/tensor-picture.ts'
import type { Stage } from './predict.ts'
import { isImage, isLabels } from './value-kinds.ts'

/** A stage as it is shown. */
export interface StageView {
  readonly name: string
  readonly part: 'input' | Stage['part']
  readonly options: string
  /** Such as `float32 [1, 1, 8, 8]`. */
  readonly type: string
  /** null: labels and strings have none. */
  readonly range: ValueRange | null
  readonly picture: CanvasPicture | null
  readonly labels: readonly Classification[]
  /** null: not measured. */
  readonly milliseconds: number | null
}

type Shown = Pick<StageView, 'type' | 'range' | 'picture' | 'labels'>

function showImage(image: RawImage): Shown {
  const channels = image.data.length / (image.width * image.height)
  return {
    type: `uint8 [${image.height}, ${image.width}, ${channels}] ${image.mode}`,
    range: rangeOf(image),
    picture: imagePicture(image),
    labels: [],
  }
}

function showTensor(value: Tensor): Shown {
  const type = `${value.dtype} [${value.shape.join(', ')}]`
  if (value.dtype === 'string' || value.data.length === 0) return { type, range: null, picture: null, labels: [] }
  const range = rangeOf(value)
  return { type, range, picture: tensorPicture(value, range), labels: [] }
}

/** Makes pictures of a stage's value. */
export function viewStage({ name, part, options, value, milliseconds }: Stage): StageView {
  const common = { name, part, options, milliseconds }
  if (isLabels(value)) {
    return { ...common, type: `${value.length} labels`, range: null, picture: null, labels: value }
  }
  return { ...common, ...(isImage(value) ? showImage(value) : showTensor(value)) }
}

/** What went in, before the first step. */
export function viewInput(image: RawImage, notes: readonly string[]): StageView {
  return { name: 'input', part: 'input', options: notes.join(', '), milliseconds: null, ...showImage(image) }
}
