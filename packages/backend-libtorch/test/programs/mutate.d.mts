/** A zip with the right checksums. */
export function writeZip(entries: readonly { name: string; content: Uint8Array }[]): Buffer
