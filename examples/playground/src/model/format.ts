/** Bytes in the unit that fits, such as `93.8 kB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`
  return `${(bytes / 1e6).toFixed(1)} MB`
}

/** Milliseconds with as many digits as a person reads. */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(milliseconds < 0.095 ? 2 : 1)} ms`
  return milliseconds < 10_000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}

/** A place on the axis: a power of ten. */
export function formatDecade(milliseconds: number): string {
  return milliseconds < 1000 ? `${Number(milliseconds.toPrecision(1))} ms` : `${milliseconds / 1000} s`
}

/** A tolerance, such as `1e-5`; 0.5 stays as it is. */
export function formatTolerance(tolerance: number): string {
  return tolerance > 0 && tolerance < 0.01 ? tolerance.toExponential() : String(tolerance)
}

/** A difference from PyTorch: `0`, or such as `1.9e-6`. */
export function formatDifference(difference: number): string {
  return difference === 0 ? '0' : difference.toExponential(1)
}

/** A value of a tensor in few characters. */
export function formatValue(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value)
  const size = Math.abs(value)
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)))
}
