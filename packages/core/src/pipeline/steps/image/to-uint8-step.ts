import * as v from 'valibot'
import type { RawImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'
import type { ToUint8Options } from './to-uint8.ts'

/** Step `to_uint8`, see `toUint8`. */
export const toUint8Step = {
  op: 'to_uint8',
  schema: v.strictObject({ op: v.literal('to_uint8'), layout: v.picklist(['chw', 'hwc']) }),
  takes: 'image',
  gives: 'uint8 tensor',
  run: async (image: RawImage, options: ToUint8Options) => (await import('./to-uint8.ts')).toUint8(image, options),
} as const satisfies Step
