/** A file of external data that a model reads its weights from. */
export interface ExternalData {
  /** As the model names it. */
  readonly path: string
  readonly data: Uint8Array<ArrayBuffer>
}
