import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runToEnd } from '../libtorch/prepare.mjs'

const SOURCE = fileURLToPath(new URL('./main.cc', import.meta.url))
/** What CMake calls Release and Debug. */
const MODES = { release: ['-O3', '-DNDEBUG'], debug: ['-O0', '-g'] }

/** Compiles the C++ program against one libtorch, as Release and as Debug; returns their paths. */
export function buildPrograms({ folder, libtorch: { root, libraryFolder, cxx11Abi } }) {
  const programs = {}
  const version = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 8)
  for (const [mode, flags] of Object.entries(MODES)) {
    programs[mode] = `${folder}/why-cpp-${mode}-${version}`
    if (existsSync(programs[mode])) continue
    console.log(`compiling the C++ program, ${mode} ...`)
    runToEnd(process.env.CXX ?? 'c++', [
      ...['-std=c++20', ...flags, SOURCE, '-o', programs[mode]],
      ...(cxx11Abi === null ? [] : [`-D_GLIBCXX_USE_CXX11_ABI=${cxx11Abi ? 1 : 0}`]),
      ...['-isystem', `${root}/include`, '-isystem', `${root}/include/torch/csrc/api/include`],
      ...[`-L${libraryFolder}`, `-Wl,-rpath,${libraryFolder}`, '-Wl,--no-as-needed'],
      ...['-ltorch', '-ltorch_cpu', '-lc10', '-pthread'],
    ])
  }
  return programs
}
