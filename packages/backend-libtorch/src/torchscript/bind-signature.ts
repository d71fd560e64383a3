import { type Signature, type Tensor, TensorferryError, type TensorSpec } from '@tensorferry/core'
import type { MethodSchema, ParameterSchema, TypeSchema } from './native-addon.ts'
import type { Value } from './value.ts'

type Kind = NonNullable<TensorSpec['kind']>

const KINDS: readonly string[] = ['tensor', 'int', 'float', 'bool', 'str']
const DTYPES: Record<Kind, readonly TensorSpec['dtype'][]> = {
  tensor: [],
  int: ['int64', 'int32'],
  float: ['float64', 'float32'],
  bool: ['bool'],
  str: ['string'],
}

/** How `run` passes a tensor to a parameter of this type; null: it cannot. */
function kindOf({ kind, items }: TypeSchema): Kind | null {
  if (kind === 'optional') return kindOf(items![0]!)
  if (kind === 'number') return 'float'
  if (kind === 'any') return 'tensor'
  return KINDS.includes(kind) ? (kind as Kind) : null
}

function specOf({ name }: ParameterSchema, kind: Kind): TensorSpec {
  if (kind === 'tensor') return { name, dtype: null, shape: null }
  return { name, dtype: DTYPES[kind][0]!, shape: [], kind }
}

/** Inputs of a file without a signature: the parameters of `forward`, up to the first that `run` cannot pass and that may be left out. */
export function specsOfParameters(forward: MethodSchema): readonly TensorSpec[] {
  const specs: TensorSpec[] = []
  for (const parameter of forward.parameters) {
    const kind = kindOf(parameter.type)
    if (parameter.optional) break
    if (kind === null) {
      throw new TensorferryError(
        'BACKEND_INCOMPATIBLE',
        `forward takes ${parameter.name}: ${parameter.type.text}, which run() cannot pass; use session.call('forward', …)`,
        { details: { parameter: parameter.name, type: parameter.type.text } },
      )
    }
    specs.push(specOf(parameter, kind))
  }
  return specs
}

function invalid(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('BUNDLE_INVALID', `the signature does not fit the model: ${message}`, { details })
}

/**
 * Compares a signature's inputs with the parameters of `forward`, which they are bound to by their order.
 *
 * @throws TensorferryError `BUNDLE_INVALID` for too few, too many, or another kind
 */
export function matchParameters(signature: Pick<Signature, 'inputs'>, forward: MethodSchema): void {
  const { parameters } = forward
  const { inputs } = signature
  const required = parameters.filter(({ optional }) => !optional).length
  if (inputs.length < required || inputs.length > parameters.length) {
    invalid(
      `forward takes ${parameters.map(({ name, type }) => `${name}: ${type.text}`).join(', ') || 'nothing'}, the signature lists ${inputs.map(({ name }) => name).join(', ') || 'no inputs'}`,
      { parameters: parameters.map(({ name }) => name), inputs: inputs.map(({ name }) => name) },
    )
  }
  inputs.forEach((spec, index) => {
    const { name, type } = parameters[index]!
    const expected = kindOf(type)
    const kind = spec.kind ?? 'tensor'
    const fits =
      type.kind === 'any' || (type.kind === 'number' && kind !== 'tensor' && kind !== 'str') || expected === kind
    if (!fits) {
      invalid(`input ${JSON.stringify(spec.name)} is passed as ${kind}, forward's ${name} is ${type.text}`, {
        input: spec.name,
        kind,
        type: type.text,
      })
    }
  })
}

/** An input as `forward` receives it. */
export function argumentOf(spec: TensorSpec, value: Tensor): Value {
  const kind = spec.kind ?? 'tensor'
  if (kind === 'tensor') return value
  const allowed = DTYPES[kind]
  if (value.data.length !== 1 || !allowed.includes(value.dtype)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${spec.name}: expected one ${kind} (a tensor of ${allowed.join(' or ')}, shape []), got ${value.dtype}[${value.shape.join(', ')}]`,
      { details: { input: spec.name, kind, dtype: value.dtype, shape: value.shape } },
    )
  }
  const element = value.data[0]!
  return kind === 'bool' ? element !== 0 : element
}
