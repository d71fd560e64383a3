/** Bytes after gzip; see the implementation for what is counted. */
export function downloadSizes(): Promise<{
  readonly total: number
  readonly own: number
  readonly app: number
  readonly ownApp: number
  readonly ownWorker: number
  readonly sizes: Readonly<Record<string, number>>
}>

/** An app with core and this backend; see the implementation. */
export function buildApp(external?: readonly string[]): Promise<{
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly loaded: ReadonlySet<string>
}>
