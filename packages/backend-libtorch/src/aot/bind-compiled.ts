import {
  type CheckedSignature,
  checkInputs,
  type DimSpec,
  type Signature,
  TensorferryError,
  type TensorSpec,
  type Tensors,
} from '@tensorferry/core'
import type { AotMetadata } from './aot-metadata.ts'
import { type IndexRange, requireIndices } from './index-checks.ts'
import type { CompiledInputs } from './input-checks.ts'

/** What a session's inputs and outputs are, and what must hold besides. */
export interface Bound {
  readonly inputs: readonly TensorSpec[]
  /** null: by their order. */
  readonly outputs: readonly TensorSpec[] | null
  readonly dims: Readonly<Record<string, DimSpec>>
  /** Refuses what the code was not compiled for, where the signature leaves more open; null: the signature says it all. */
  readonly check: ((inputs: Tensors) => void) | null
}

function invalid(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('BUNDLE_INVALID', `the signature does not fit the compiled model: ${message}`, { details })
}

function text({ dtype, shape }: TensorSpec): string {
  return `${dtype ?? 'tensor'}${shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : ''}`
}

/** Where a signature and the code can never both be right. */
function matchSpec(spec: TensorSpec, compiled: TensorSpec): void {
  const ranks = spec.shape !== null && spec.shape.length !== compiled.shape!.length
  const sizes = spec.shape?.some((dim, axis) => {
    const size = compiled.shape![axis]
    return typeof dim === 'number' && typeof size === 'number' && dim !== size
  })
  if ((spec.dtype !== null && spec.dtype !== compiled.dtype) || ranks || sizes) {
    invalid(`input ${JSON.stringify(spec.name)} is ${text(spec)}, the code takes ${text(compiled)}`, {
      input: spec.name,
      expected: text(compiled),
      signature: text(spec),
    })
  }
}

function requireTensors(inputs: readonly TensorSpec[]): void {
  for (const { name, kind = 'tensor' } of inputs) {
    if (kind !== 'tensor')
      invalid(`input ${JSON.stringify(name)} is passed as ${kind}, compiled models take tensors`, { input: name, kind })
  }
}

/** True when the signature alone keeps every wrong size away. */
function saysAll({ inputs }: Pick<Signature, 'inputs'>): boolean {
  return inputs.every(({ dtype, shape }) => dtype !== null && shape !== null && !shape.includes(null))
}

function requireRowMajor({ notRowMajor }: CompiledInputs): void {
  if (notRowMajor.length === 0) return
  throw new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `the .pt2 file was compiled for ${notRowMajor.join(', ')} in another order in memory than row-major; compile it with contiguous example inputs`,
    { details: { inputs: notRowMajor } },
  )
}

/** @param isCovered - the signature keeps wrong sizes away by itself */
function checkOf(compiled: CheckedSignature, indices: readonly IndexRange[], isCovered: boolean): Bound['check'] {
  const names = compiled.inputs.map(({ name }) => name)
  const needsSizes = indices.some(({ below }) => typeof below === 'string')
  if (isCovered && indices.length === 0) return null
  return (inputs) => {
    const sizes = isCovered && !needsSizes ? {} : checkInputs(compiled, inputs)
    requireIndices(indices, names, inputs, sizes)
  }
}

/**
 * Binds a signature, by order, to what the package's code was compiled for.
 *
 * @param counts - as the loaded model says
 * @throws TensorferryError `BUNDLE_INVALID` where they contradict, `FORMAT_UNSUPPORTED` when neither says what the inputs are:
 *   compiled code reads past a tensor that is too small
 */
export function bindCompiled(
  { inputs: compiled, indices }: Pick<AotMetadata, 'inputs' | 'indices'>,
  counts: { readonly inputs: number; readonly outputs: number },
  signature: Signature | undefined,
): Bound {
  if (compiled) requireRowMajor(compiled)
  if (compiled && compiled.inputs.length !== counts.inputs) {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `the .pt2 file cannot be used: its source takes ${compiled.inputs.length} inputs, its library ${counts.inputs}; compile it again`,
      { details: { source: compiled.inputs.length, library: counts.inputs } },
    )
  }
  if (!signature) {
    if (!compiled) {
      throw new TensorferryError(
        'FORMAT_UNSUPPORTED',
        'the .pt2 file does not say in a known form what its inputs are, and its code reads past a tensor that is too small; load it from a bundle, whose signature says it',
        { details: { inputs: counts.inputs } },
      )
    }
    return { inputs: compiled.inputs, outputs: null, dims: compiled.dims, check: checkOf(compiled, indices, true) }
  }
  const { inputs, outputs, dims } = signature
  if (inputs.length !== counts.inputs || outputs.length !== counts.outputs) {
    invalid(
      `it lists ${inputs.length} inputs and ${outputs.length} outputs, the code has ${counts.inputs} and ${counts.outputs}`,
      { inputs: counts.inputs, outputs: counts.outputs },
    )
  }
  requireTensors(inputs)
  if (!compiled) {
    if (!saysAll(signature)) {
      invalid('it leaves dtypes or sizes open, and the file does not say them in a known form', {
        inputs: inputs.map(text),
      })
    }
    return { inputs, outputs, dims, check: null }
  }
  const renamed = compiled.inputs.map((spec, index) => ({ ...spec, name: inputs[index]!.name }))
  inputs.forEach((spec, index) => {
    matchSpec(spec, renamed[index]!)
  })
  const isStatic = saysAll(signature) && inputs.every(({ shape }) => shape!.every((dim) => typeof dim === 'number'))
  return { inputs, outputs, dims, check: checkOf({ inputs: renamed, dims: compiled.dims }, indices, isStatic) }
}
