import { type DimSpec, type Signature, type Tensor, type TensorSpec, zeros } from '@tensorferry/core'
import type { Engine } from './engine.ts'
import type { Warmup } from './session.ts'

/** The smallest size that a dim allows. */
function smallest({ min, multiple_of: multiple = 1 }: DimSpec): number {
  return Math.max(1, Math.ceil(min / multiple)) * multiple
}

/** The smallest shape; null: the signature does not say enough. */
export function smallestShape(
  { shape }: Pick<TensorSpec, 'shape'>,
  dims: Readonly<Record<string, DimSpec>>,
): number[] | null {
  if (shape === null) return null
  const sizes: number[] = []
  for (const dim of shape) {
    if (typeof dim === 'number') sizes.push(dim)
    else if (typeof dim === 'string' && dims[dim]) sizes.push(smallest(dims[dim]))
    else return null
  }
  return sizes
}

/** Zeros of the smallest shape; null: the signature does not say enough. */
function zerosFor(spec: TensorSpec, dims: Readonly<Record<string, DimSpec>>): Tensor | null {
  const shape = smallestShape(spec, dims)
  return spec.dtype === null || shape === null ? null : (zeros(spec.dtype, shape) as Tensor)
}

/**
 * Runs the model with zeros on each of its threads: TorchScript specialises itself in its first two runs.
 *
 * @param runs - on each thread
 * @returns how long each took; a model that refuses zeros is left as it is
 */
export async function warmUp(
  engine: Engine,
  signature: Pick<Signature, 'inputs' | 'dims'> | undefined,
  runs: number,
  onProgress: (done: number) => void,
): Promise<Warmup> {
  if (runs === 0) return { milliseconds: [], skipped: 'warmup is 0' }
  if (!signature) return { milliseconds: [], skipped: 'no signature says what the inputs are' }
  const inputs: Tensor[] = []
  for (const spec of signature.inputs) {
    const input = zerosFor(spec, signature.dims)
    if (!input) return { milliseconds: [], skipped: `the signature leaves the size of ${spec.name} open` }
    inputs.push(input)
  }
  const milliseconds: number[] = []
  try {
    for (let run = 0; run < runs; run++) {
      for (let replica = 0; replica < engine.replicas; replica++) {
        const begin = performance.now()
        await engine.prepare(inputs).start(replica)
        milliseconds.push(performance.now() - begin)
      }
      onProgress(run + 1)
    }
    return { milliseconds, skipped: null }
  } catch (error) {
    return { milliseconds, skipped: `the model does not take zeros: ${(error as Error).message}` }
  } finally {
    if (engine.reset) await engine.reset().start(0)
  }
}
