import type { RunInput } from './inputs.ts'

const withoutExtension = (label: string): string => label.replace(/(?<=[^/])\.[^./]*$/, '')

/**
 * Names for the results, without an extension: `cat` for `cat.jpg`. Inputs that differ in their extension alone keep it
 * (`cat.jpg`, `cat.png`), so that no result overwrites another.
 */
export function outputStems(inputs: readonly RunInput[]): ReadonlyMap<RunInput, string> {
  const counts = new Map<string, number>()
  for (const { label } of inputs) {
    const stem = withoutExtension(label)
    counts.set(stem, (counts.get(stem) ?? 0) + 1)
  }
  const taken = new Set<string>()
  const stems = new Map<RunInput, string>()
  for (const input of inputs) {
    const short = withoutExtension(input.label)
    let stem = counts.get(short) === 1 ? short : input.label
    for (let number = 2; taken.has(stem); number++) stem = `${input.label}-${number}`
    taken.add(stem)
    stems.set(input, stem)
  }
  return stems
}
