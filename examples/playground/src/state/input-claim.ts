/** One choice of an input, or of a model, which ends what was chosen before. */
export interface InputClaim {
  /** False once anything was chosen after it. */
  isLatest(): boolean
}

let latest = 0

/** Makes whatever was chosen before worthless: a large picture that is still being opened must not replace a later one. */
export function claimInput(): InputClaim {
  const token = ++latest
  return { isLatest: () => token === latest }
}
