/** Entries of a zip that is stored, not deflated. */
export function readEntries(zip: Uint8Array): { name: string; content: Uint8Array }[]
/** A zip with the right checksums. */
export function writeZip(entries: readonly { name: string; content: Uint8Array }[]): Buffer
