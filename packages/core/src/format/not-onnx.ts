import { TensorferryError } from '../errors.ts'
import type { ProtobufField } from './protobuf.ts'

// Loaded when a file is met that is no ONNX model, though it began like one.

function notOnnx(reason: string): TensorferryError {
  return new TensorferryError(
    'FORMAT_UNSUPPORTED',
    `expected an ONNX model, got a file that is not one or is damaged: ${reason}; export or download it again`,
    { details: { reason } },
  )
}

/** A field that models do not have. */
export function foreignField({ number }: ProtobufField): TensorferryError {
  return notOnnx(`its field ${number} is none of a model's`)
}

/** A model of nothing. */
export function noGraph(): TensorferryError {
  return notOnnx('it holds no graph')
}

/** Bytes that are no protobuf field. */
export function noField(position: number): TensorferryError {
  return notOnnx(`no valid field at byte ${position}`)
}

/** A field that goes past the end. */
export function truncated({ start, end }: ProtobufField, fileEnd: number): TensorferryError {
  return notOnnx(`truncated: a part of ${end - start} bytes begins at byte ${start}, the file ends at ${fileEnd}`)
}

/** Graphs in graphs, deeper than any runtime goes. */
export function tooDeep(): TensorferryError {
  return notOnnx('its graphs nest too deeply')
}
