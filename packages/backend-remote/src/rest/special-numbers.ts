/** A text in JSON, or one of the tokens that Python's `json` writes and JSON does not have. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g

/** Puts `NaN`, `Infinity` and `-Infinity` between quotes, except where they are in a text already. */
export function specialNumbersAsText(json: string): string {
  return json.replace(TOKEN, (token) => (token.startsWith('"') ? token : `"${token}"`))
}
