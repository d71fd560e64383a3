import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { type InputTensor, type Model, type OutputTensor, tensor } from '@tensorferry/core'

/** Types of the bundle, as `tensorferry types` writes them. */
export interface MiniLm {
  readonly inputs: {
    readonly input_ids: InputTensor<'int64', [batch: number, tokens: number]>
    readonly attention_mask: InputTensor<'int64', [batch: number, tokens: number]>
  }
  readonly outputs: { readonly embedding: OutputTensor<'float32', [batch: number, 384]> }
}

/** The model was trained on texts of up to this many tokens, [CLS] and [SEP] among them. */
const MAX_TOKENS = 256
const SEP = 102

/** The tokenizer that lies beside the bundle. */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const [model, config] = await Promise.all(
    ['tokenizer.json', 'tokenizer_config.json'].map(async (name) =>
      JSON.parse(await readFile(join(folder, name), 'utf8')),
    ),
  )
  return new Tokenizer(model, config)
}

/** Token ids of a text, cut to what the model was trained on. */
export function encode(tokenizer: Tokenizer, text: string): readonly number[] {
  // JavaScript makes a final Σ a ς where it lowercases; the tokenizer in Python does not.
  const { ids } = tokenizer.encode(text.replaceAll('Σ', 'σ'))
  return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), SEP]
}

/**
 * Fills rows up to one length.
 *
 * @param rows - token ids of each text
 * @param length - tokens a row, at least the longest one's
 * @returns both [rows, length]; the mask is 1 for a token and 0 for what fills a row up
 */
function pad(rows: readonly (readonly number[])[], length = Math.max(...rows.map((row) => row.length))) {
  const shape = [rows.length, length] as const
  const ids = new BigInt64Array(rows.length * length)
  const mask = new BigInt64Array(rows.length * length)
  for (const [index, row] of rows.entries()) {
    ids.set(row.map(BigInt), index * length)
    mask.fill(1n, index * length, index * length + row.length)
  }
  return { input_ids: tensor('int64', ids, shape), attention_mask: tensor('int64', mask, shape) }
}

/** One embedding for each text, of length 1. */
export async function embed(
  model: Model<MiniLm>,
  rows: readonly (readonly number[])[],
  length?: number,
): Promise<readonly Float32Array[]> {
  const { embedding } = await model.run(pad(rows, length))
  const [, width] = embedding.shape
  return rows.map((_, row) => embedding.data.subarray(row * width, (row + 1) * width))
}

/** Cosine of the angle between two embeddings: 1 for the same direction. */
export function similarity(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}
