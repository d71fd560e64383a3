import { type Command, InvalidArgumentError, Option } from 'commander'
import { KNOWN_BACKENDS } from './known.ts'

/** Reads a whole number of at least 1. */
export function parsePositive(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('Expected a whole number, at least 1.')
}

/** Reads whole numbers with commas between them. */
export function parsePositives(text: string): readonly number[] {
  return text.split(',').map((part) => parsePositive(part.trim()))
}

const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value]

/** Adds the options that say which backend runs and how. */
export function addBackendOptions(command: Command, { threads = true } = {}): Command {
  command.addOption(
    new Option(
      '-b, --backend <name>',
      `backend: ${KNOWN_BACKENDS.join(', ')}, a package or a path; several: in order`,
    ).argParser(collect),
  )
  command.option('-p, --provider <name>', "the runtime's execution provider, such as cpu or cuda")
  if (threads) command.option('-t, --threads <number>', 'threads of one run', parsePositive)
  command.option('--backend-option <key=value>', "another option of the backend's factory; may be repeated", collect)
  return command
}
