import * as v from 'valibot'
import { TensorferryError } from '../../../errors.ts'
import type { Tensor } from '../../../tensor.ts'
import type { Step, StepContext } from '../../step.ts'
import { requireFloat32, trailingShape } from './require-tensor.ts'

/** One class of a classifier's answer. */
export interface Classification<L extends string = string> {
  /** The bundle's label of the class; the index in digits when the bundle has no labels. */
  readonly label: L
  /** Class index. */
  readonly index: number
  readonly score: number
}

/** Options of {@link topK}. */
export interface TopKOptions {
  /** How many classes, or all when there are fewer. */
  readonly k: number
}

/**
 * The classes with the highest scores, best first. Equal scores: the lowest index first; NaN counts as highest, as in torch.
 *
 * @param scores - float32, shape [classes] or [1, classes]
 * @param labels - one per class, or null
 * @throws TensorferryError `INPUT_INVALID` when the labels are not as many as the classes
 * @see torch.sort(descending=True, stable=True): same order (torch.topk leaves the order of ties open)
 */
export function topK(
  scores: Tensor<'float32'>,
  { k }: TopKOptions,
  labels: readonly string[] | null = null,
): Classification[] {
  const { data, shape } = requireFloat32('top_k', scores)
  const [classes] = trailingShape('top_k', shape, 1) as [number]
  if (labels && labels.length !== classes) {
    throw new TensorferryError('INPUT_INVALID', `top_k: ${classes} classes and ${labels.length} labels do not match`, {
      details: { classes, labels: labels.length },
    })
  }
  const rank = (score: number): number => (Number.isNaN(score) ? Number.POSITIVE_INFINITY : score)
  const order = Array.from(data.keys()).sort((a, b) => {
    const left = data[a]!
    const right = data[b]!
    const difference = rank(right) - rank(left)
    // Infinity - Infinity: equal, but NaN goes before a true infinity.
    return Number.isNaN(difference) ? Number(Number.isNaN(right)) - Number(Number.isNaN(left)) : difference
  })
  return order.slice(0, k).map((index) => ({ label: labels?.[index] ?? String(index), index, score: data[index]! }))
}

/** Step `top_k`: {@link topK} with the labels of the context. */
export const topKStep = {
  op: 'top_k',
  schema: v.strictObject({ op: v.literal('top_k'), k: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  takes: 'tensor',
  gives: 'labels',
  run: (scores: Tensor<'float32'>, options: TopKOptions, { labels }: StepContext) => topK(scores, options, labels),
} as const satisfies Step
