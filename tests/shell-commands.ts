import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestOf, publishedPackages, ROOT } from './workspace.ts'

const { scripts, devDependencies } = manifestOf(ROOT)
const examples = manifestOf(join(ROOT, 'examples'))
/** Scripts that npm runs by their bare name. */
const NPM_SHORT = ['test', 'start']

/** Names that a reader may be told to install: ours, and what they work with. */
function isInstallable(name: string): boolean {
  const ours = publishedPackages()
  return ours.some(
    ({ manifest }) =>
      manifest.name === name || name in (manifest.peerDependencies ?? {}) || name in (manifest.dependencies ?? {}),
  )
}

/** What `npm run pack` writes, in a clone beside the reader's project. */
function isTarball(path: string): boolean {
  const files = publishedPackages().map(
    ({ manifest: { name, version } }) => `${name.replace('@', '').replace('/', '-')}-${version}.tgz`,
  )
  return 'pack' in scripts && files.some((file) => path === `../tensorferry/out/${file}`)
}

function isScript(runner: string, words: readonly string[]): boolean {
  const [first, second] = words
  if (first === 'run') return second !== undefined && second in scripts
  if (runner === 'npm') return first !== undefined && NPM_SHORT.includes(first) && first in scripts
  if (first === '--filter') return second === examples.name && words[2] !== undefined && words[2] in examples.scripts
  // pnpm also runs what a dependency brings: `pnpm changeset`.
  return first !== undefined && (first in scripts || (`@changesets/cli` in devDependencies! && first === 'changeset'))
}

/** What pip is told to install: a package that the exporter's lock has, alone or in that version, or a folder. */
function isForPip(word: string, folder: string): boolean {
  const requirement = word.replace(/^"(.*)"$/, '$1')
  const locked = readFileSync(join(ROOT, 'packages/exporter/requirements.txt'), 'utf8').split('\n')
  return (
    locked.some((line) => line === requirement || line.startsWith(`${requirement}==`)) ||
    arePaths([requirement], folder)
  )
}

/** A program of one of our packages: `npx -p @tensorferry/… program command`. */
function isProgram([name, program = '', command = '']: readonly string[]): boolean {
  const found = publishedPackages().find(({ manifest }) => manifest.name === name)
  const path = found?.manifest.bin?.[program]
  if (!found || path === undefined) return false
  const { stdout } = spawnSync(process.execPath, [join(found.folder, path), '--help'], { encoding: 'utf8' })
  return stdout.includes(`${program} ${command}`)
}

/** A command of ours, with options that its help knows. */
function isCommandLine([command = '', ...rest]: readonly string[]): boolean {
  const program = join(ROOT, 'packages', 'cli', 'dist', 'main.js')
  const { status, stdout } = spawnSync(process.execPath, [program, command, '--help'], { encoding: 'utf8' })
  const options = rest.filter((word) => word.startsWith('--'))
  return (
    status === 0 &&
    stdout.startsWith(`Usage: tensorferry ${command} `) &&
    options.every((name) => stdout.includes(name))
  )
}

/** A request to the server on its default port, by a route that its HTTP part has. */
function isRequest(words: readonly string[]): boolean {
  const addresses = words.filter((word) => /^(http:\/\/)?(localhost|127\.0\.0\.1):\d+/.test(word))
  const routes = /:8080\/(v2|predict|predictions|ping|metrics|docs|openapi\.json)?(\/|$)/
  return addresses.length === 1 && routes.test(addresses[0]!)
}

/** Commands of `python -m tensorferry`, which registers each by its name. */
const EXPORTER_COMMANDS: readonly string[] = readdirSync(join(ROOT, 'packages/exporter/src/tensorferry/commands'))
  .filter((name) => name.endsWith('.py'))
  .flatMap((name) =>
    Array.from(
      readFileSync(join(ROOT, 'packages/exporter/src/tensorferry/commands', name), 'utf8').matchAll(
        /add_command\(\s*commands,\s*"(\w+)"/g,
      ),
      ([, command]) => command!,
    ),
  )

/** Files among a pip's or Python's arguments, which have to be there. */
function arePaths(words: readonly string[], folder: string): boolean {
  return words.every((word) => word.startsWith('-') || existsSync(join(ROOT, folder, word)))
}

function isKnown(command: string, folder: string): boolean {
  const words = command.split(/\s+/)
  const [program, first, ...rest] = words
  switch (program) {
    case 'npm':
      if (first === 'install') {
        const names = rest.filter((word) => word !== '--ignore-scripts')
        return names.length > 0 && names.every((name) => isInstallable(name) || isTarball(name))
      }
      return isScript('npm', words.slice(1))
    case 'pnpm':
      return isScript('pnpm', words.slice(1))
    case 'curl':
      return isRequest(words.slice(1))
    case 'tensorferry':
      return isCommandLine(words.slice(1))
    case 'npx':
      if (first === 'tensorferry') return isCommandLine(rest)
      if (first === '-p') return isProgram(rest)
      return first === 'pnpm@10' && (rest[0] === 'install' || isScript('pnpm', rest))
    case 'pip':
      return first === 'install' && rest.length > 0 && rest.every((word) => isForPip(word, folder))
    case 'python':
      if (first === '-m' && rest[0] === 'tensorferry') return EXPORTER_COMMANDS.includes(rest[1]!)
      if (first === '-m') return ['pytest', 'ruff'].includes(rest[0]!) && arePaths(rest.slice(1), folder)
      return first !== undefined && arePaths([first], folder)
    case 'ruff':
      return ['check', 'format'].includes(first!) && arePaths(rest, folder)
    default:
      return false
  }
}

/**
 * Commands of a shell block that this repository does not have: scripts that package.json lacks, packages that are
 * none of ours, files that are not there.
 */
export function unknownCommands(code: string): readonly string[] {
  const unknown: string[] = []
  let folder = '.'
  // A backslash at a line's end goes on with the next one.
  for (const line of code.replaceAll(/\\\n\s*/g, '').split('\n')) {
    const text = line.replace(/(^|\s)#.*$/, '').trim()
    for (const command of text ? text.split('&&').map((part) => part.trim()) : []) {
      const [program, target] = command.split(/\s+/)
      if (program === 'cd' && target && existsSync(join(ROOT, folder, target))) folder = join(folder, target)
      else if (command === 'cd ../my-app') folder = '../my-app'
      else if (!isKnown(command, folder)) unknown.push(command)
    }
  }
  return unknown
}
