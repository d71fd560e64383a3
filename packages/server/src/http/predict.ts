import { checkInputs, type Prediction, TensorferryError, type Tensors } from '@tensorferry/core'
import { planBatching } from '../batching/batch-plan.ts'
import { joinInputs } from '../batching/rows.ts'
import type { PredictOptions, ServedModel } from '../models/served-model.ts'
import { predictionText, rowTexts } from '../protocol/predictions.ts'
import type { RawItem } from '../protocol/raw-request.ts'
import { refusalOfBroken } from './broken-items.ts'
import { nameBroken } from './name-broken.ts'

type Call = Omit<PredictOptions, 'giveMemory'>

/** Does the work for each item; when some fail, waits for all of them and throws one error that names each. */
async function forEach<T>(items: readonly RawItem[], what: string, work: (item: RawItem) => Promise<T>): Promise<T[]> {
  const settled = await Promise.allSettled(
    items.map(async (item) => {
      if (item.error !== undefined) throw new TensorferryError('INPUT_INVALID', item.error)
      return work(item)
    }),
  )
  const failed = settled.flatMap((one, index) =>
    one.status === 'rejected' ? [{ label: items[index]!.label, error: one.reason as unknown }] : [],
  )
  if (failed.length > 0) throw refusalOfBroken(failed, items.length, what)
  return settled.map((one) => (one as PromiseFulfilledResult<T>).value)
}

/**
 * Files or instances through a model's pipeline.
 *
 * @throws TensorferryError, HttpRefusal: one for all of them, with each that is broken
 */
export function predictAll(
  model: ServedModel,
  items: readonly RawItem[],
  what: string,
  call: Call,
): Promise<readonly Prediction[]> {
  return forEach(items, what, async ({ raw }) => {
    // Kept as it is for the words about it: its memory goes to a thread.
    const isSeveral = typeof raw === 'object' && !ArrayBuffer.isView(raw) && !('data' in raw!)
    if (!isSeveral) return model.predict(raw!, { ...call, giveMemory: true })
    return model.predict(raw!, call).catch(async (error: unknown) => {
      throw await nameBroken(error, raw as Readonly<Record<string, unknown>>)
    })
  })
}

/** Rows of inputs that can go together: equal sizes behind axis 0. */
function stackable(model: ServedModel, rows: readonly Tensors[]): boolean {
  const plan = planBatching(model.signature, false)
  const isBatched = model.unbatched === null || model.unbatched === 'switched off'
  if (plan.dim === null || !isBatched || rows.length < 2) return false
  const keys = new Set(rows.map((inputs) => plan.keyOf(inputs)))
  return keys.size === 1 && rows.every((inputs) => inputs[plan.rowsOf]!.shape[0] === 1)
}

/**
 * Instances of tensors through a model without a pipeline; in one run where they fit together.
 *
 * @returns JSON of each prediction
 * @throws TensorferryError, HttpRefusal: one for all of them, with each that is broken
 */
export async function inferAll(
  model: ServedModel,
  items: readonly RawItem[],
  what: string,
  call: Call,
): Promise<readonly string[]> {
  const rows = await forEach(items, what, async ({ raw }) => {
    checkInputs(model.signature, raw as Tensors)
    return raw as Tensors
  })
  const plan = planBatching(model.signature, false)
  if (!stackable(model, rows)) {
    return forEach(items, what, async ({ raw, isRow }) =>
      predictionText(await model.infer(raw as Tensors, call), plan.dim !== null || isRow === true),
    )
  }
  const most = (plan.dim !== null && plan.maxRows) || rows.length
  const chunks = Array.from({ length: Math.ceil(rows.length / most) }, (_, index) =>
    rows.slice(index * most, (index + 1) * most),
  )
  const texts = await Promise.all(
    chunks.map(async (chunk) => rowTexts(await model.infer(joinInputs(chunk, chunk.length), call), chunk.length)),
  )
  return texts.flat()
}
