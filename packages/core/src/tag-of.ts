/**
 * What a value is by its built-in class, such as `Float32Array`, `Map` or `URL`, whichever realm it was made in: `instanceof` says
 * no to arrays of a Jest test, a `vm` context or an iframe.
 */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** A Uint8Array of any realm, Node's Buffer among them. */
export function isBytes(value: unknown): value is Uint8Array {
  return tagOf(value) === 'Uint8Array'
}

/** A Blob of any realm, or a File, which is one. */
export function isBlob(value: unknown): value is Blob {
  return /^(Blob|File)$/.test(tagOf(value))
}
