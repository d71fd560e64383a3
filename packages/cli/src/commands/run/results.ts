import { type Classification, encodeImage, formatTensor, type RawImage, type Tensor } from '@tensorferry/core'
import { plainTensor, toJson } from '../../terminal/plain.ts'

/** What `predict` or `run` gave: a picture, labels with scores, tensors, or several of these by name. */
export type Result = RawImage | readonly Classification[] | Tensor | { readonly [name: string]: Result }

/** Labels with scores, best first. */
export function isLabels(result: Result): result is readonly Classification[] {
  return Array.isArray(result)
}

/** Pixels. */
function isImage(result: Result): result is RawImage {
  return 'mode' in result && 'width' in result && 'height' in result
}

function isTensor(result: Result): result is Tensor {
  return 'dtype' in result && 'shape' in result
}

/** As JSON: labels as they are, tensors with nested arrays, a picture by its size. */
export function plainResult(result: Result): unknown {
  if (isLabels(result)) return result
  if (isImage(result)) return { mode: result.mode, width: result.width, height: result.height }
  if (isTensor(result)) return 'data' in result ? plainTensor(result) : result
  return Object.fromEntries(Object.entries(result).map(([name, inner]) => [name, plainResult(inner)]))
}

/**
 * What is kept of a result until the end: a thousand pictures would fill the memory.
 *
 * @param isWritten - then of a tensor its dtype and shape are enough
 */
export function summarizeResult(result: Result, isWritten: boolean): Result {
  if (isLabels(result)) return result
  if (isImage(result)) return { ...result, data: new Uint8Array() }
  if (isTensor(result)) return isWritten ? ({ dtype: result.dtype, shape: result.shape } as Tensor) : result
  return Object.fromEntries(Object.entries(result).map(([name, inner]) => [name, summarizeResult(inner, isWritten)]))
}

/** As text for people. */
export function formatResult(result: Result): string {
  if (isLabels(result)) return result.map(({ label, score }) => `${label} ${(100 * score).toFixed(1)} %`).join(', ')
  if (isImage(result)) return `picture ${result.mode}, ${result.width} x ${result.height}; --out writes it`
  if (isTensor(result)) return formatTensor(result)
  return Object.entries(result)
    .map(([name, inner]) => `${name} ${formatResult(inner)}`)
    .join('\n')
}

/** A result as files: pictures encoded, everything else as one JSON document. */
export interface ResultFile {
  /** Behind the stem: `.png`, `.mask.png`, `.json`. */
  readonly suffix: string
  readonly content: Uint8Array | string
}

/** @param format - of pictures: the suffix of the file that was asked for, or `png` */
export async function resultFiles(
  result: Result,
  format: 'png' | 'jpeg' | 'webp' = 'png',
): Promise<readonly ResultFile[]> {
  if (isImage(result)) return [{ suffix: `.${format}`, content: await encodeImage(result, { format }) }]
  const pictures = Object.entries(result).filter(
    ([, inner]) => typeof inner === 'object' && inner !== null && isImage(inner),
  )
  if (isLabels(result) || isTensor(result) || pictures.length === 0) {
    return [{ suffix: '.json', content: `${toJson(plainResult(result))}\n` }]
  }
  const others = Object.fromEntries(Object.entries(result).filter(([name]) => !pictures.some(([one]) => one === name)))
  const files: ResultFile[] = []
  for (const [name, image] of pictures) {
    files.push({ suffix: `.${name}.${format}`, content: await encodeImage(image, { format }) })
  }
  if (Object.keys(others).length > 0)
    files.push({ suffix: '.json', content: `${toJson(plainResult(others as Result))}\n` })
  return files
}
