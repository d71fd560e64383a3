import { type Dim, type Signature, TensorferryError, type TensorSpec } from '@tensorferry/core'
import { DATATYPE_NAMES, dtypeOf } from '@tensorferry/inference-protocol/datatypes'
import type { ModelMetadata, TensorMetadata } from './connection.ts'

function describe({ name, datatype, shape }: TensorMetadata): string {
  return `${name} ${datatype}[${shape.join(', ')}]`
}

function incompatible(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('BACKEND_INCOMPATIBLE', message, { details })
}

function specOf(url: string, tensor: TensorMetadata): TensorSpec {
  const { name, datatype, shape, parameters } = tensor
  const dtype = datatype === '' ? null : dtypeOf(datatype)
  if (dtype === null && datatype !== '') {
    incompatible(
      `${url}: ${name} has the datatype ${datatype}, which the SDK lacks; it knows ${DATATYPE_NAMES.join(', ')}`,
      { url, name, datatype },
    )
  }
  if (parameters?.rank === 'unknown') return { name, dtype, shape: null }
  // Sizes of another name would bind each other; a name of the server's own says which ones do.
  const named = parameters?.dims?.length === shape.length ? parameters.dims : null
  return { name, dtype, shape: shape.map((size, axis): Dim => (size >= 0 ? size : (named?.[axis] ?? null))) }
}

/**
 * The server's own description as a signature.
 *
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` for a datatype that the SDK lacks, or when the server describes nothing
 */
export function signatureOf(url: string, { name, inputs, outputs }: ModelMetadata): Signature {
  if (inputs.length === 0 || outputs.length === 0) {
    incompatible(
      `${url}: the server does not say what ${name} takes and gives; load it with a bundle, which has its signature`,
      { url, model: name },
    )
  }
  return {
    dims: {},
    inputs: inputs.map((tensor) => specOf(url, tensor)),
    outputs: outputs.map((tensor) => specOf(url, tensor)),
    states: [],
  }
}

function fits(spec: TensorSpec, { datatype, shape, parameters }: TensorMetadata): boolean {
  if (datatype !== '' && spec.dtype !== null && dtypeOf(datatype) !== spec.dtype) return false
  if (spec.shape === null || parameters?.rank === 'unknown') return true
  if (spec.shape.length !== shape.length) return false
  return spec.shape.every((dim, axis) => typeof dim !== 'number' || shape[axis]! < 0 || dim === shape[axis])
}

/**
 * Compares a bundle's signature with what the server says: names, datatypes, ranks and fixed sizes.
 *
 * @returns what could not be compared, for the report
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` naming the first input or output that differs
 */
export function checkSignature(url: string, signature: Signature, metadata: ModelMetadata): readonly string[] {
  const warnings: string[] = []
  for (const side of ['inputs', 'outputs'] as const) {
    const served = metadata[side]
    const kind = side === 'inputs' ? 'input' : 'output'
    if (served.length === 0) {
      warnings.push(`${url} does not describe its ${side}: they could not be compared with the bundle's`)
      continue
    }
    const known = served.map(describe).join(', ')
    for (const spec of signature[side]) {
      const other = served.find(({ name }) => name === spec.name)
      if (other && fits(spec, other)) continue
      const wanted = `${spec.name} ${spec.dtype ?? 'tensor'}[${spec.shape?.map((dim) => dim ?? '?').join(', ') ?? '...'}]`
      incompatible(
        `${url}: the ${kind} ${wanted} of the bundle is not the server's, which has ${known}; is it the same model?`,
        { url, name: spec.name, [side]: served },
      )
    }
    const names = signature[side].map(({ name }) => name)
    const extra = served.find(({ name }) => !names.includes(name))
    if (side === 'inputs' && extra) {
      incompatible(
        `${url}: the server asks for the input ${describe(extra)}, which the bundle lacks; is it the same model?`,
        { url, name: extra.name },
      )
    }
  }
  return warnings
}
