import type { Command, Option } from 'commander'
import { KNOWN_BACKENDS } from '../backends/known.ts'

/** What can stand where the cursor is: words with a description, or a file. */
export type Suggestions = readonly { readonly name: string; readonly description: string }[] | 'files'

/** Words that an option takes where commander does not know them; `null`: something that cannot be guessed. */
const VALUES: Readonly<Record<string, readonly string[] | null>> = {
  '--backend': KNOWN_BACKENDS,
  '--provider': ['cpu', 'cuda', 'tensorrt', 'webgpu', 'coreml', 'dml', 'qnn'],
}
const FILES = ['--out', '--html', '--svg', '--api-keys-file', '--tls-cert', '--tls-key']

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

function isOption({ long, short }: Option, word: string | undefined): boolean {
  return word !== undefined && (word === long || word === short)
}

function valuesOf(option: Option): Suggestions {
  if (FILES.includes(option.long ?? '')) return 'files'
  const values = option.argChoices ?? VALUES[option.long ?? ''] ?? []
  return values.map((name) => ({ name, description: '' }))
}

function visible(program: Command): readonly Command[] {
  return program.createHelp().visibleCommands(program)
}

/**
 * Says what can stand where the cursor is.
 *
 * @param words - of the line up to the cursor, without the program's name; the last one is being typed and may be empty
 */
export function suggest(program: Command, words: readonly string[]): Suggestions {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const starting = (all: Suggestions): Suggestions =>
    all === 'files' ? all : all.filter(({ name }) => name.startsWith(current))
  const command = visible(program).find((one) => one.name() === before.find((word) => !word.startsWith('-')))
  const options = (command ?? program).createHelp().visibleOptions(command ?? program)
  const previous = options.find((one) => isOption(one, before.at(-1)))
  if (previous && takesValue(previous)) return starting(valuesOf(previous))
  if (current.startsWith('-')) {
    return starting(options.flatMap(({ long, description }) => (long ? { name: long, description } : [])))
  }
  if (!command || command.name() === 'help') {
    return starting(visible(program).map((one) => ({ name: one.name(), description: one.description() })))
  }
  const values = before.filter((_, index) => options.some((one) => takesValue(one) && isOption(one, before[index - 1])))
  const given = before.filter((word) => !word.startsWith('-') && !values.includes(word)).length - 1
  // The last one may be repeated.
  const argument = command.registeredArguments[Math.min(given, command.registeredArguments.length - 1)]
  if (argument?.argChoices) return starting(argument.argChoices.map((name) => ({ name, description: '' })))
  return argument ? 'files' : []
}
