import type { Signature, Tensors } from '@tensorferry/core'

/** How requests of a model go together. */
export interface BatchPlan {
  /** The dim that is axis 0 of every input and output. */
  readonly dim: string
  /** Rows of a run at most, by the bundle; null: no bound. */
  readonly maxRows: number | null
  /** The input whose axis 0 tells a request's rows. */
  readonly rowsOf: string
  /** What must be equal for two requests to go together: the sizes behind axis 0, and dtypes that the signature leaves open. */
  keyOf(inputs: Tensors): string
}

/** A model whose requests cannot go together, and why. */
export interface NoBatchPlan {
  readonly dim: null
  readonly reason: string
}

const no = (reason: string): NoBatchPlan => ({ dim: null, reason })

function mentions(dim: number | string | null, name: string): boolean {
  return typeof dim === 'string' && dim.split(/\W+/).includes(name)
}

/**
 * Finds out whether requests of a model can be gathered into one run.
 *
 * @param keepsState - the session has a `reset`: what it answers depends on who asked before
 */
export function planBatching(signature: Signature, keepsState: boolean): BatchPlan | NoBatchPlan {
  if (keepsState || signature.states.length > 0) return no('the model keeps state')
  const dim = Object.keys(signature.dims).find((name) => signature.dims[name]!.batch === true)
  if (dim === undefined) return no('the bundle marks no dim as batch')
  const [first] = signature.inputs
  if (!first || signature.outputs.length === 0) return no('the model takes or gives nothing')
  for (const { name, shape } of [...signature.inputs, ...signature.outputs]) {
    if (shape?.[0] !== dim) return no(`${name} has not ${dim} as its first dim`)
    if (shape.slice(1).some((other) => mentions(other, dim))) return no(`${name} has ${dim} in another dim too`)
  }
  const { inputs } = signature
  return {
    dim,
    maxRows: signature.dims[dim]!.max,
    rowsOf: first.name,
    keyOf(tensors) {
      let key = ''
      for (const { name, dtype } of inputs) {
        const { shape, dtype: given } = tensors[name]!
        if (dtype === null) key += given
        for (let axis = 1; axis < shape.length; axis++) key += `,${shape[axis]}`
        key += ';'
      }
      return key
    },
  }
}
