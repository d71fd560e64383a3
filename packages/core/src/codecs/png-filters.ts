/** Of left, above and above left the one that is nearest to left + above - above left. */
export function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner)
  const toAbove = Math.abs(left - corner)
  const toCorner = Math.abs(left + above - 2 * corner)
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}

/**
 * Undoes a row's filter in place.
 *
 * @param row - the filtered bytes, without the byte that names the filter
 * @param above - the row above, already undone; zeros for the first
 * @param step - bytes from a pixel to the next, 1 where pixels are smaller than a byte
 * @returns false when there is no such filter
 * @see PNG 3rd edition, 9.2
 */
export function unfilterRow(filter: number, row: Uint8Array, above: Uint8Array, step: number): boolean {
  const { length } = row
  if (filter === 0) return true
  if (filter === 1) {
    for (let at = step; at < length; at++) row[at] = row[at]! + row[at - step]!
  } else if (filter === 2) {
    for (let at = 0; at < length; at++) row[at] = row[at]! + above[at]!
  } else if (filter === 3) {
    for (let at = 0; at < length; at++) row[at] = row[at]! + (((at < step ? 0 : row[at - step]!) + above[at]!) >> 1)
  } else if (filter === 4) {
    for (let at = 0; at < step && at < length; at++) row[at] = row[at]! + above[at]!
    for (let at = step; at < length; at++) {
      row[at] = row[at]! + paeth(row[at - step]!, above[at]!, above[at - step]!)
    }
  } else {
    return false
  }
  return true
}
