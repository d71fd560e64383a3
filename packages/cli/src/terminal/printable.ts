/** Colours as they are written here, or a character that a terminal acts on, or that turns the order of those around it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ACTS = /\u001b\[(?:1|2|22|3[1-39])m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/**
 * Text that a terminal shows and does not act on: names of files, of tensors and of models are others' texts. What acts is
 * written as `\u001b`, which JSON reads as the same character.
 *
 * @param hasColors - the text may hold colours
 */
export function printable(text: string, hasColors: boolean): string {
  return text.replace(ACTS, (found) => {
    if (found.length > 1 && hasColors) return found
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}${found.slice(1)}`
  })
}
