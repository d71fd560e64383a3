/** The part of the page that needs the SDK. */
export type Engine = typeof import('../engine.ts')

let loading: Promise<Engine> | undefined

/** Loads it once; a load that failed is tried again by the next call. */
export function loadEngine(): Promise<Engine> {
  loading ??= import('../engine.ts').catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}
