// node scripts/build-aot-addon.mjs [--check] [platform-arch ...]: builds the AOTInductor addon for every platform with zig,
// which comes from PyPI as one pinned package. The result is committed in prebuilt/, so that no user needs a compiler; the
// same zig gives the same bytes, wherever it runs. With --check nothing is written, and a difference is an error.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findZig, runOrExit } from '../../../scripts/zig.mjs'

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
  // Relative paths, no debug information: nothing of the machine gets into the file.
  runOrExit(
    zig,
    [
      'cc',
      ...['-target', target, '-std=c11', '-O2', '-fPIC', '-shared', '-s', '-fvisibility=hidden', '-g0'],
      ...['-fno-sanitize=all', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'],
      ...(name.startsWith('linux') ? ['-Wl,-z,now', '-Wl,--build-id=none'] : []),
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

const [check, names] = [
  process.argv.includes('--check'),
  process.argv.slice(2).filter((argument) => argument !== '--check'),
]
const zig = findZig()
let differs = false
for (const name of names.length > 0 ? names : Object.keys(TARGETS)) {
  const folder = mkdtempSync(join(tmpdir(), 'aot-addon-'))
  const bytes = build(zig, name, folder)
  rmSync(folder, { recursive: true })
  const place = join(packageFolder, 'prebuilt', name, 'aot.node')
  const same = existsSync(place) && readFileSync(place).equals(bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  console.log(`${name}: ${bytes.length} bytes, sha256 ${sha256}${same ? ', as committed' : ''}`)
  if (bytes.length > LARGEST) {
    console.error(`${name}: larger than ${LARGEST} bytes`)
    process.exit(1)
  }
  if (check) differs ||= !same
  else if (!same) {
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, bytes)
  }
}
if (differs) {
  console.error('prebuilt/ is not what native/aot compiles to; run node scripts/build-aot-addon.mjs')
  process.exit(1)
}
