import type { Dim, Signature, TensorSpec } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import type { ServedModel } from '../models/served-model.ts'

const PLATFORMS: Readonly<Record<string, string>> = {
  onnx: 'onnx_onnxv1',
  torchscript: 'pytorch_torchscript',
  'aot-inductor': 'pytorch_aotinductor',
}

/** What the protocol says of an input or output. */
interface TensorMetadata {
  readonly name: string
  /** Empty: the runtime does not say. */
  readonly datatype: string
  /** -1: any size. An unknown rank is `[-1]`, with `parameters.rank`. */
  readonly shape: readonly number[]
  /** `dims`: the names and expressions behind the sizes of -1. */
  readonly parameters?: { readonly dims?: readonly Dim[]; readonly rank?: 'unknown' }
}

/** What the protocol says of a model. */
export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

function sizeOf(dim: Dim): number {
  return typeof dim === 'number' ? dim : -1
}

function describeTensor({ name, dtype, shape }: TensorSpec): TensorMetadata {
  const datatype = dtype === null ? '' : datatypeOf(dtype)
  if (shape === null) return { name, datatype, shape: [-1], parameters: { rank: 'unknown' } }
  const isNamed = shape.some((dim) => typeof dim === 'string')
  return { name, datatype, shape: shape.map(sizeOf), ...(isNamed ? { parameters: { dims: shape } } : {}) }
}

/** The protocol's name of what runs the model, `PROJECT_FORMAT`. */
function platformOf({ report }: Pick<ServedModel, 'report'>): string {
  return PLATFORMS[report.artifact?.format ?? ''] ?? report.backend
}

/**
 * Describes a model.
 *
 * @param versions - all that can be asked for
 * @see Open Inference Protocol v2, "Model Metadata Response JSON Object"
 */
export function modelMetadata(model: ServedModel, versions: readonly string[]): ModelMetadata {
  const { inputs, outputs } = model.signature
  return {
    name: model.name,
    versions,
    platform: platformOf(model),
    inputs: inputs.map(describeTensor),
    outputs: outputs.map(describeTensor),
  }
}

/** An input or output in Triton's model configuration. */
interface TensorConfig {
  readonly name: string
  readonly data_type: string
  readonly dims: readonly number[]
}

/** The part of Triton's model configuration that has a meaning here. */
export interface ModelConfig {
  readonly name: string
  readonly platform: string
  readonly backend: string
  /** Rows of one request at most; 0: the first axis is no batch, or has no bound. */
  readonly max_batch_size: number
  readonly input: readonly TensorConfig[]
  readonly output: readonly TensorConfig[]
}

/** The named dim that is axis 0 of every input and output, and its bound; 0 when there is none. */
function maxBatchOf({ dims, inputs, outputs }: Signature): number {
  const batch = Object.entries(dims).find(([, dim]) => dim.batch)
  if (!batch || batch[1].max === null) return 0
  return [...inputs, ...outputs].every(({ shape }) => shape?.[0] === batch[0]) ? batch[1].max : 0
}

function configTensor({ name, dtype, shape }: TensorSpec, isBatched: boolean): TensorConfig {
  const datatype = dtype === null ? 'INVALID' : dtype === 'string' ? 'STRING' : datatypeOf(dtype)
  const sizes = (shape ?? [null]).map(sizeOf)
  return { name, data_type: `TYPE_${datatype}`, dims: isBatched ? sizes.slice(1) : sizes }
}

/**
 * A model's configuration in Triton's words, for tools that ask for it.
 *
 * @see Triton's model configuration extension
 */
export function modelConfig(model: ServedModel): ModelConfig {
  const maxBatch = maxBatchOf(model.signature)
  return {
    name: model.name,
    platform: platformOf(model),
    backend: model.report.backend,
    max_batch_size: maxBatch,
    input: model.signature.inputs.map((spec) => configTensor(spec, maxBatch > 0)),
    output: model.signature.outputs.map((spec) => configTensor(spec, maxBatch > 0)),
  }
}
