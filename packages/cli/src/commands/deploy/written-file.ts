import { Document, isMap, type Scalar } from 'yaml'

/** A file that a deployment needs. */
export type WrittenFile =
  | { readonly path: string; readonly content: string }
  /** A copy of a file of the bundle. */
  | { readonly path: string; readonly copyOf: string }

/** A comment at the head of a file: what it is, and the command that uses it. */
export function header(lines: readonly string[], mark = '#'): string {
  // A name may hold anything, also what would end the comment.
  const flat = lines.map((line) => line.replace(/[\p{Cc}\u2028\u2029]+/gu, ' '))
  return flat.map((line) => (line === '' ? mark : `${mark} ${line}`)).join('\n')
}

/** A comment in front of one key of a YAML file. */
export interface YamlNote {
  readonly at: readonly (string | number)[]
  readonly comment: string
}

function annotate(document: Document, { at, comment }: YamlNote): void {
  const parent = document.getIn(at.slice(0, -1), true)
  if (!isMap<Scalar>(parent)) return
  const pair = parent.items.find(({ key }) => key.value === at.at(-1))
  if (pair) pair.key.commentBefore = ` ${comment}`
}

/** A YAML file of one document or several, each behind its own comments. */
export function yamlFile(
  path: string,
  head: readonly string[],
  values: readonly object[],
  notes: readonly YamlNote[] = [],
): WrittenFile {
  const documents = values.map((value) => {
    const document = new Document(value, { aliasDuplicateObjects: false })
    for (const note of notes) annotate(document, note)
    return document.toString({ lineWidth: 0 }).trimEnd()
  })
  return { path, content: `${header(head)}\n${documents.join('\n---\n')}\n` }
}
