// node scripts/build-wasm.mjs [--check]: compiles wasm/resample.c with zig, which comes from PyPI as one pinned package, and
// writes it as text into src, so that no bundler has to carry a file. The same zig gives the same bytes, wherever it runs.
// With --check nothing is written, and a difference is an error.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findZig, runOrExit } from '../../../scripts/zig.mjs'

const LARGEST = 8_000
const packageFolder = fileURLToPath(new URL('..', import.meta.url))
const target = join(packageFolder, 'src', 'pipeline', 'loops', 'simd-binary.ts')

function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'tensorferry-wasm-'))
  const output = join(folder, 'resample.wasm')
  try {
    runOrExit(
      findZig(),
      [
        'cc',
        ...['-target', 'wasm32-freestanding', '-mcpu=generic+simd128', '-std=c11', '-O3', '-nostdlib', '-g0', '-s'],
        ...['-fno-sanitize=all', '-Wall', '-Wextra', '-Werror'],
        ...['-Wl,--no-entry', '-Wl,--export=__heap_base', '-Wl,--strip-all'],
        ...['resample.c', '-o', output],
      ],
      join(packageFolder, 'wasm'),
    )
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const binary = compile()
if (binary.length > LARGEST) throw new Error(`the kernel takes ${binary.length} bytes, more than ${LARGEST}`)
const text = `// Written by scripts/build-wasm.mjs from wasm/resample.c: ${binary.length} bytes of WebAssembly with SIMD.
export const SIMD_BINARY =
  '${binary.toString('base64')}'
`
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(
      'simd-binary.ts is not what wasm/resample.c compiles to: run node packages/core/scripts/build-wasm.mjs',
    )
    process.exitCode = 1
  } else console.log(`simd-binary.ts: ${binary.length} bytes, as its source says`)
} else {
  writeFileSync(target, text)
  console.log(`${target}: ${binary.length} bytes`)
}
