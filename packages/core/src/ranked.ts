import type { DType, Tensor } from './tensor.ts'

declare const RANK: unique symbol

/** What TypeScript knows of a rank: for the type checker alone, absent at run time. */
export interface RankHint<R extends number> {
  readonly [RANK]?: R
}

/**
 * What {@link tensor} gives for a shape that is written out: `tensor('float32', data, [1, 3])` has rank 2. A shape whose
 * length TypeScript does not know gives a plain {@link Tensor}.
 */
export type TensorOfShape<D extends DType, S extends readonly number[]> = number extends S['length']
  ? Tensor<D>
  : Tensor<D> & RankHint<S['length']>

/**
 * An input as `tensorferry types` writes it: `InputTensor<'float32', [batch: number, 1, 8, 8]>`. It takes a tensor of that
 * rank, or of one that TypeScript does not know; a tensor known to have another rank does not compile. Sizes are checked
 * when it runs.
 */
export type InputTensor<D extends DType, S extends readonly number[]> = Tensor<D> & RankHint<S['length']>

/** An output as `tensorferry types` writes it: its shape has that many sizes, those that are fixed with their value. */
export type OutputTensor<D extends DType, S extends readonly number[]> = Omit<Tensor<D>, 'shape'> &
  RankHint<S['length']> & { readonly shape: Readonly<S> }
