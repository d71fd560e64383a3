/** A model that the page offers, or what a visitor brings. */
export type ModelChoice = 'super-resolution' | 'digits' | 'own'

/** How a choice is shown. */
export interface ChoiceText {
  readonly choice: ModelChoice
  readonly title: string
  readonly text: string
}

/** In the order of the page. */
export const MODEL_CHOICES: readonly ChoiceText[] = [
  { choice: 'super-resolution', title: 'Enlarge a picture', text: 'Three times as large' },
  { choice: 'digits', title: 'Read a digit', text: 'Draw it, see it named' },
  { choice: 'own', title: 'Your own bundle', text: 'By URL, or a folder' },
]

/** URL of a bundle that lies beside the page. */
export function bundleUrl(choice: Exclude<ModelChoice, 'own'>): string {
  const name = choice === 'digits' ? 'digits' : 'super-resolution-x3'
  return new URL(`bundles/${name}/`, document.baseURI).href
}
