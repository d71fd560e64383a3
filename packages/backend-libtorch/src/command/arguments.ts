import { TensorferryError } from '@tensorferry/core'
import { nearestName } from '../nearest-name.ts'

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

/** @throws TensorferryError `OPTIONS_INVALID` naming the argument, and the one that was probably meant */
export function parseArguments(args: readonly string[]): CommandLine {
  const known = ['--libtorch', '--force', '--json', '--device', '--help']
  let command: CommandLine['command'] | null = null
  const found = { libtorch: null as string | null, force: false, json: false, device: 'cpu' }
  const rest = args.flatMap((argument) =>
    /^--\w+=/.test(argument) ? argument.split(/=(.*)/s).slice(0, 2) : [argument],
  )
  while (rest.length > 0) {
    const argument = rest.shift()!
    const value = (): string => {
      const next = rest.shift()
      return next === undefined || next === '' || next.startsWith('--') ? refuse(`${argument} needs a value`) : next
    }
    if (argument === '--help' || argument === '-h') return { ...found, command: 'help' }
    if (argument === '--libtorch') found.libtorch = value()
    else if (argument === '--device') found.device = value()
    else if (argument === '--force') found.force = true
    else if (argument === '--json') found.json = true
    else if (argument.startsWith('-')) {
      const nearest = nearestName(argument, known)
      refuse(`unknown option ${argument}${nearest ? `, did you mean ${nearest}?` : ''}`)
    } else if (command !== null) refuse(`unexpected ${JSON.stringify(argument)}`)
    else if ((COMMANDS as readonly string[]).includes(argument)) command = argument as CommandLine['command']
    else {
      const nearest = nearestName(argument, COMMANDS)
      refuse(`unknown command ${JSON.stringify(argument)}${nearest ? `, did you mean ${nearest}?` : ''}`)
    }
  }
  return { ...found, command: command ?? 'help' }
}
