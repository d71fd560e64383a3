/** Edits (insert, delete, replace, swap of neighbours) from one word to another. */
function editDistance(from: string, to: string): number {
  const rows = Array.from({ length: from.length + 1 }, (_, i) => [i, ...new Array<number>(to.length).fill(0)])
  for (let j = 1; j <= to.length; j++) rows[0]![j] = j
  for (let i = 1; i <= from.length; i++) {
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1]
      let cost = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (swapped) cost = Math.min(cost, rows[i - 2]![j - 2]! + 1)
      rows[i]![j] = cost
    }
  }
  return rows[from.length]![to.length]!
}

/**
 * The known name that was most likely meant, for "did you mean".
 *
 * @param name - what was written
 * @param known - what may be written, the likeliest first
 * @returns null when none is near, contains the other or is contained
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  const word = name.toLowerCase()
  let best: { name: string; distance: number } | null = null
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const contained = other.length > 3 && (word.includes(other) || (word.length > 3 && other.includes(word)))
    const distance = contained ? 1 : editDistance(word, other)
    if (best === null || distance < best.distance) best = { name: candidate, distance }
  }
  return best !== null && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.name : null
}

/** A name that does not exist, in the words of every message about one: the nearest, then all that do. */
export function unknownName(kind: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return `unknown ${kind} '${name}'${nearest === null ? '.' : `, did you mean '${nearest}'?`} Known ${kind}s: ${known.join(', ') || 'none'}`
}
