import { TensorferryError } from '@tensorferry/core'

/** An error as JSON. What is not typed is reported as `RUNTIME_FAILED`. */
export function plainError(error: unknown): { code: string; message: string; details: unknown } {
  if (TensorferryError.is(error)) {
    const { code, message, details } = error
    // Tensors in the details would fill the document.
    const small = Object.fromEntries(Object.entries(details).filter(([, value]) => !ArrayBuffer.isView(value)))
    return { code, message, details: small }
  }
  return { code: 'RUNTIME_FAILED', message: error instanceof Error ? error.message : String(error), details: {} }
}
