import { TensorferryError } from '@tensorferry/core'

/** Registry and path, then a tag, a digest, or both. */
const REFERENCE =
  /^(?:[A-Za-z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/

/**
 * A reference of an image, as it was given.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for what no registry takes
 */
export function readImage(text: string): string {
  if (REFERENCE.test(text)) return text
  throw new TensorferryError(
    'OPTIONS_INVALID',
    `--image: expected a name such as registry.example.org/digits, with :TAG or @sha256: and 64 hexadecimal digits behind it, got ${JSON.stringify(text)}`,
    { details: { image: text } },
  )
}

/** Whether the reference is of one image for ever: it exists, and nothing can be built under it. */
export const isPinned = (image: string): boolean => image.includes('@sha256:')

/** The name under which an image is built: a digest is known only afterwards. */
export const buildTag = (image: string): string => image.replace(/@sha256:.*$/, '')
