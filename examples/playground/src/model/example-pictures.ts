import digit0 from '../../../digits/samples/0.png?url'
import digit1 from '../../../digits/samples/1.png?url'
import digit2 from '../../../digits/samples/2.png?url'
import digit3 from '../../../digits/samples/3.png?url'
import digit4 from '../../../digits/samples/4.png?url'
import digit5 from '../../../digits/samples/5.png?url'
import digit6 from '../../../digits/samples/6.png?url'
import digit7 from '../../../digits/samples/7.png?url'
import digit8 from '../../../digits/samples/8.png?url'
import digit9 from '../../../digits/samples/9.png?url'
import photo from '../../../super-resolution/photo.png?url'
import largePhoto from '../../../super-resolution/photo-original.png?url'
import type { ModelChoice } from './model-choices.ts'

/** A picture to begin with. */
export interface ExamplePicture {
  readonly name: string
  readonly url: string
}

const digits = [digit0, digit1, digit2, digit3, digit4, digit5, digit6, digit7, digit8, digit9]

const photos = [
  { name: 'Photo, 150 × 100', url: photo },
  { name: 'Photo, 450 × 300', url: largePhoto },
]

/** By model, the first one is shown at once. */
export const EXAMPLES: Readonly<Record<ModelChoice, readonly ExamplePicture[]>> = {
  'super-resolution': photos,
  digits: digits.map((url, digit) => ({ name: String(digit), url })),
  own: photos,
}
