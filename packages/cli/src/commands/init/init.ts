import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { CONFIG_FILE } from '@tensorferry/core/node'
import { type BackendOptions, factoryOptions } from '../../backends/choose.ts'
import { packageName } from '../../backends/known.ts'
import { writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { ownVersion } from '../../own-version.ts'
import { toJson } from '../../terminal/plain.ts'
import { findInstallCommand, runInstall } from './install.ts'

/** Options of `tensorferry init`. */
export interface InitOptions extends BackendOptions, CommonOptions {
  readonly verify: 'off' | 'smoke' | 'full'
  readonly install: boolean
  readonly force?: boolean
}

const DEFAULT_BACKEND = 'onnx-node'

function isInstalled(name: string): boolean {
  try {
    createRequire(join(process.cwd(), 'package.json')).resolve(name)
    return true
  } catch {
    return false
  }
}

/** What the project still needs: core, the backends, and sharp for pictures. Packages of this project in this version. */
function missingPackages(backends: readonly string[]): readonly string[] {
  const own = ['@tensorferry/core', ...backends.filter((name) => /^(@|[a-z])/.test(name))]
  const versioned = (name: string): string => (name.startsWith('@tensorferry/') ? `${name}@${ownVersion()}` : name)
  return [...own, 'sharp'].filter((name) => !isInstalled(name)).map(versioned)
}

/** Installs what is missing and writes the config. */
export async function init(options: InitOptions, { terminal, signal }: CommandContext): Promise<ExitCode> {
  const path = join(process.cwd(), CONFIG_FILE)
  if (existsSync(path) && !options.force) {
    throw new TensorferryError('OPTIONS_INVALID', `${path} is there already; --force overwrites it`)
  }
  const names = options.backend?.length ? options.backend.flatMap((name) => name.split(',')) : [DEFAULT_BACKEND]
  const backends = names.map(packageName)
  const settings = factoryOptions(options)
  const hasSettings = Object.keys(settings).length > 0
  const config = { backends: backends.map((name) => (hasSettings ? [name, settings] : name)), verify: options.verify }

  const missing = missingPackages(backends)
  const command = missing.length > 0 ? await findInstallCommand(missing) : null
  const runs = command !== null && options.install
  if (runs) {
    terminal.note(`${terminal.noteColors.dim('$')} ${command.text}`)
    // The config last: a project whose install failed is as it was.
    await runInstall(command, terminal, signal)
  }
  await writeWhole(path, `${JSON.stringify(config, null, 2)}\n`)
  if (options.json) {
    terminal.print(toJson({ config: path, content: config, missing, command: command?.text ?? null, installed: runs }))
    return EXIT_CODES.DONE
  }
  terminal.print(`wrote ${CONFIG_FILE} with ${terminal.colors.bold(backends.join(', '))}`)
  if (command === null) terminal.print('everything is installed')
  else if (!runs) terminal.print(`to install what is missing: ${terminal.colors.bold(command.text)}`)
  terminal.print('next: tensorferry doctor')
  return EXIT_CODES.DONE
}
