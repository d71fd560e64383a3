// node scripts/build-aot-addon.mjs [--check | --stamp] [platform-arch ...]: builds the AOTInductor addon for every platform
// with zig, which comes from PyPI as one pinned package. The result is committed in prebuilt/, so that no user needs a
// compiler; the same zig gives the same bytes, wherever it runs. With --check nothing is written, and a difference is an
// error. With --stamp nothing is compiled: sources and results have to be those of the last build.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findZig, runOrExit, ZIG_VERSION } from '../../../scripts/zig.mjs'

const LARGEST = 300_000
const packageFolder = fileURLToPath(new URL('..', import.meta.url))
const sources = join(packageFolder, 'native', 'aot')
const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'))

const MACOS = ['-undefined', 'dynamic_lookup', '-Wl,-install_name,@rpath/aot.node']
const TARGETS = {
  'linux-x64': ['x86_64-linux-gnu.2.28', '-lpthread', '-ldl'],
  'linux-arm64': ['aarch64-linux-gnu.2.28', '-lpthread', '-ldl'],
  'darwin-x64': ['x86_64-macos.12.0', ...MACOS],
  'darwin-arm64': ['aarch64-macos.12.0', ...MACOS],
  'win32-x64': ['x86_64-windows-gnu'],
}

// Relative paths, no debug information: nothing of the machine gets into the file.
const FLAGS = [
  ...['-std=c11', '-O2', '-fPIC', '-shared', '-s', '-fvisibility=hidden', '-g0', '-fno-sanitize=all'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'],
]
const LINUX_FLAGS = ['-Wl,-z,now', '-Wl,--build-id=none']

/** Node's functions, for Windows' linker: a table of what the process exports. */
function importLibrary(zig, folder) {
  const library = join(folder, 'node.lib')
  runOrExit(zig, [
    'dlltool',
    '-m',
    'i386:x86-64',
    '-D',
    'node.exe',
    '-d',
    join(headers, 'def', 'node_api.def'),
    '-l',
    library,
  ])
  return library
}

function build(zig, name, folder) {
  const [target, ...flags] = TARGETS[name]
  const windows = name.startsWith('win32')
  const output = join(folder, 'aot.node')
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'))
  runOrExit(
    zig,
    [
      'cc',
      ...['-target', target, ...FLAGS],
      ...(name.startsWith('linux') ? LINUX_FLAGS : []),
      ...['-I', join(headers, 'include')],
      ...files,
      ...(windows ? [importLibrary(zig, folder)] : []),
      ...flags,
      ...['-o', output],
    ],
    sources,
  )
  return readFileSync(output)
}

const sha256Of = (data) => createHash('sha256').update(data).digest('hex')
const placeOf = (name) => join(packageFolder, 'prebuilt', name, 'aot.node')
const stampPath = join(packageFolder, 'scripts', 'aot-addon-built.json')

/** What the addons are made of, and what they are now. */
function stamp() {
  const texts = readdirSync(sources)
    .sort()
    .map((name) => [name, readFileSync(join(sources, name), 'utf8')])
  const { version } = JSON.parse(readFileSync(join(headers, 'package.json'), 'utf8'))
  const made = sha256Of(JSON.stringify([ZIG_VERSION, version, TARGETS, FLAGS, LINUX_FLAGS, texts]))
  const results = Object.keys(TARGETS).map((name) => [name, sha256Of(readFileSync(placeOf(name)))])
  return `${JSON.stringify({ sources: made, ...Object.fromEntries(results) }, null, 2)}\n`
}

function buildAll(names, isCheck) {
  const zig = findZig()
  for (const name of names) {
    const folder = mkdtempSync(join(tmpdir(), 'aot-addon-'))
    const bytes = build(zig, name, folder)
    rmSync(folder, { recursive: true })
    const place = placeOf(name)
    const isSame = existsSync(place) && readFileSync(place).equals(bytes)
    console.log(`${name}: ${bytes.length} bytes, sha256 ${sha256Of(bytes)}${isSame ? ', as committed' : ''}`)
    if (bytes.length > LARGEST) throw new Error(`${name}: larger than ${LARGEST} bytes`)
    if (isCheck && !isSame) {
      console.error('prebuilt/ is not what native/aot compiles to: run node scripts/build-aot-addon.mjs')
      process.exitCode = 1
    } else if (!isSame) {
      mkdirSync(dirname(place), { recursive: true })
      writeFileSync(place, bytes)
    }
  }
  if (!isCheck && names.length === Object.keys(TARGETS).length) writeFileSync(stampPath, stamp())
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
if (!process.argv.includes('--stamp')) {
  buildAll(names.length > 0 ? names : Object.keys(TARGETS), process.argv.includes('--check'))
}
if (readFileSync(stampPath, 'utf8') !== stamp()) {
  console.error('native/aot or prebuilt/ changed after the build: run node scripts/build-aot-addon.mjs')
  process.exitCode = 1
}
