/** Compares versions part by part, numbers as numbers: `1.10.0` is newer than `1.9.2`, `2` newer than `1.9`. Newest first. */
export function newestFirst(left: string, right: string): number {
  const [a, b] = [left.split(/[.-]/), right.split(/[.-]/)]
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [one = '', other = ''] = [a[i], b[i]]
    if (one === other) continue
    // `1.0.0-beta` is before `1.0.0`.
    if (one === '') return /^\d+$/.test(other) ? 1 : -1
    if (other === '') return /^\d+$/.test(one) ? -1 : 1
    const [number, otherNumber] = [Number(one), Number(other)]
    if (Number.isFinite(number) && Number.isFinite(otherNumber)) {
      if (number !== otherNumber) return otherNumber - number
      continue
    }
    return one < other ? 1 : -1
  }
  return 0
}
