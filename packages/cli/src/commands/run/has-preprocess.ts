import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readRegular } from '@tensorferry/core/node'

/** Whether the bundle has steps of its own; a bare model takes tensors. */
export async function hasPreprocess(source: string): Promise<boolean> {
  if (/^https?:/i.test(source)) return !/\.(onnx|pt2?)(\?|$)/i.test(source)
  const found = await stat(source).catch(() => null)
  const manifest = found?.isDirectory() ? join(source, 'bundle.json') : source
  if (basename(manifest) !== 'bundle.json') return false
  const { preprocess } = JSON.parse((await readRegular(manifest)).toString('utf8')) as {
    preprocess: readonly unknown[]
  }
  return preprocess.length > 0
}
