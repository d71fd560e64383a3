import { parseArgs } from 'node:util'
import { TensorferryError } from '@tensorferry/core'
import { nearestName } from '@tensorferry/core/names'

/** What the command line asks for. */
export interface CommandLine {
  readonly command: 'build' | 'doctor' | 'check' | 'help'
  readonly libtorch: string | null
  readonly force: boolean
  readonly json: boolean
  readonly device: string
}

const COMMANDS = ['build', 'doctor', 'check', 'help'] as const

/** Printed by `--help`. */
export const HELP = `tensorferry-libtorch: native PyTorch for @tensorferry/backend-libtorch

  tensorferry-libtorch build  [--libtorch <path>] [--force]
      compiles the TorchScript addon for the libtorch that is found, into the user's cache (TENSORFERRY_CACHE)
  tensorferry-libtorch doctor [--libtorch <path>] [--json]
      says what was looked at, what was found, and what to do
  tensorferry-libtorch check  [--libtorch <path>] [--device cpu|cuda|cuda:1|mps]
      runs a small model on the device and compares it with the CPU

  --libtorch <path>   a torch root (pip's site-packages/torch, the folder of pytorch.org's archive, /usr) or a virtual
                      environment; else LIBTORCH, the active virtual environment, python3, the system
  --force             build although it is there`

function refuse(message: string): never {
  throw new TensorferryError('OPTIONS_INVALID', `${message}; see tensorferry-libtorch --help`)
}

const OPTIONS = {
  libtorch: { type: 'string' },
  device: { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** @throws TensorferryError `OPTIONS_INVALID` naming the argument, and the one that was probably meant */
export function parseArguments(args: readonly string[]): CommandLine {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const names = Object.keys(OPTIONS)
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    if (!Object.hasOwn(OPTIONS, name)) {
      const nearest = nearestName(name, names)
      refuse(`unknown option ${rawName}${nearest ? `, did you mean --${nearest}?` : ''}`)
    }
    const takesValue = OPTIONS[name as keyof typeof OPTIONS].type === 'string'
    if (takesValue && (!value || value.startsWith('-'))) refuse(`${rawName} needs a value`)
    if (!takesValue && value !== undefined) refuse(`${rawName} takes no value`)
  }
  const [command = 'help', unexpected] = positionals
  if (!COMMANDS.some((known) => known === command)) {
    const nearest = nearestName(command, COMMANDS)
    refuse(`unknown command ${JSON.stringify(command)}${nearest ? `, did you mean ${nearest}?` : ''}`)
  }
  if (unexpected !== undefined) refuse(`unexpected ${JSON.stringify(unexpected)}`)
  return {
    command: values.help ? 'help' : (command as CommandLine['command']),
    libtorch: (values.libtorch as string | undefined) ?? null,
    force: values.force === true,
    json: values.json === true,
    device: (values.device as string | undefined) ?? 'cpu',
  }
}
