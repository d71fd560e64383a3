/**
 * How far a sweep goes: all of it in `pnpm test:long`, a part in `npm test`. The files that call this are those of `pnpm
 * test:long`.
 */
export function sweep<T>(whole: T, part: T): T {
  return process.env.TENSORFERRY_LONG === '1' ? whole : part
}
