import { TensorferryError } from '@tensorferry/core'
import type { CodeEntry } from './archive-code.ts'

/** An operator or a class of C++ beyond arithmetic on tensors, at the first place that uses it. */
interface Use {
  /** Such as `aten::from_file`. */
  readonly name: string
  /** File in the archive; empty: among the model's attributes or constants. */
  readonly file: string
  /** From 1; 0 without a file. */
  readonly line: number
  /** The line itself, without what indents it. */
  readonly text: string
}

/** What `foreign.cc` tells: a line for each use, its parts separated by tabs. */
function parseUses(message: string, code: readonly CodeEntry[]): readonly Use[] {
  return message.split('\n').map((row) => {
    const [name = '', file = '', line = '0'] = row.split('\t')
    const entry = code.find(({ entry: { name: path } }) => path.slice(path.indexOf('/') + 1) === file)
    const lines = entry ? new TextDecoder().decode(entry.content).split('\n') : []
    return { name, file, line: Number(line), text: (lines[Number(line) - 1] ?? '').trim().slice(0, 200) }
  })
}

const placeOf = ({ file, line, text }: Use): string =>
  file ? ` (${file}, line ${line}${text && `: ${text}`})` : ' (an attribute or a constant of it)'

/**
 * The error for a file that would do more than arithmetic on tensors, from what the addon found.
 *
 * @param path - for the message
 * @param error - the addon's, of the kind `UNTRUSTED`; another one is given back
 */
export function explainUntrusted(path: string, error: unknown, code: readonly CodeEntry[]): unknown {
  if (!(error instanceof Error) || (error as { kind?: string }).kind !== 'UNTRUSTED') return error
  const uses = parseUses(error.message, code)
  const others = uses.length > 1 ? ` and ${uses.length - 1} more` : ''
  return new TensorferryError(
    'UNTRUSTED_CODE',
    `${path} uses ${uses[0]!.name}${placeOf(uses[0]!)}${others}, which is not arithmetic on tensors and could reach files, other processes or the network with all rights of this process; when you know where the file is from, pass trust: 'native-code', or trust: { sha256 } of the one that may run`,
    { details: { path, uses } },
  )
}
