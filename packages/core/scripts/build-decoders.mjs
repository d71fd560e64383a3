// node scripts/build-decoders.mjs [--check | --stamp]: compiles libjpeg-turbo's and libwebp's decoders with zig to src/codecs/jpeg.wasm and
// webp.wasm, from the sources that Debian has of them. Those are fetched by apt when .cache/decoders does not hold them. The same
// zig gives the same bytes, wherever it runs. With --check nothing is written, and a difference is an error. With --stamp nothing
// is fetched or compiled: only what the last build noted of its sources and results is compared.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findZig, runOrExit, ZIG_VERSION } from '../../../scripts/zig.mjs'

const packageFolder = fileURLToPath(new URL('..', import.meta.url))
const own = join(packageFolder, 'wasm', 'decoders')
const cache = fileURLToPath(new URL('../../../.cache/decoders', import.meta.url))
const aptFolder = join(cache, 'apt')

/** What libjpeg's own settings leave to choose, and no picture here needs. */
const LEFT_OUT = [
  ...['DCT_IFAST', 'DCT_FLOAT', 'IDCT_SCALING', 'D_LOSSLESS', 'QUANT_1PASS', 'QUANT_2PASS', 'SAVE_MARKERS'],
  ...['C_MULTISCAN_FILES', 'C_PROGRESSIVE', 'C_LOSSLESS', 'ENTROPY_OPT', 'INPUT_SMOOTHING'],
]

const DECODERS = [
  {
    name: 'jpeg',
    source: 'libjpeg-turbo',
    version: '3.1.3',
    sha256: '3a13a5ba767dc8264bc40b185e41368a80d5d5f945944d1dbaa4b2fb0099f4e5',
    folder: 'src',
    flags: ['-DNO_GETENV', '-DNO_PUTENV'],
    files: [
      ...[
        'jaricom',
        'jcomapi',
        'jdapimin',
        'jdarith',
        'jdhuff',
        'jdinput',
        'jdmarker',
        'jdmaster',
        'jdphuff',
        'jmemmgr',
      ],
      ...['jpeg_nbits', 'wrapper/jdapistd-8', 'wrapper/jdcoefct-8', 'wrapper/jdcolor-8', 'wrapper/jddctmgr-8'],
      ...['wrapper/jdmainct-8', 'wrapper/jdpostct-8', 'wrapper/jdsample-8', 'wrapper/jidctint-8', 'wrapper/jutils-8'],
    ],
    added: ['jpeg.c', 'jpeg-memory.c', 'jpeg-unused.c', 'arena.c'],
    prepare(folder) {
      const settings = join(folder, 'jmorecfg.h')
      const trimmed = LEFT_OUT.reduce(
        (text, feature) => {
          const line = `#define ${feature}_SUPPORTED`
          if (!text.includes(line)) throw new Error(`jmorecfg.h does not define ${feature}_SUPPORTED`)
          return text.replace(line, `#undef ${feature}_SUPPORTED`)
        },
        readFileSync(settings, 'utf8'),
      )
      writeFileSync(settings, trimmed)
    },
  },
  {
    name: 'webp',
    source: 'libwebp',
    version: '1.6.0',
    sha256: 'e4ab7009bf0629fd11982d4c2aa83964cf244cffba7347ecd39019a9e38c4564',
    folder: '.',
    flags: ['-DWEBP_REDUCE_SIZE'],
    files: [
      ...[
        'alpha_dec',
        'buffer_dec',
        'frame_dec',
        'io_dec',
        'quant_dec',
        'tree_dec',
        'vp8_dec',
        'vp8l_dec',
        'webp_dec',
      ].map((name) => `src/dec/${name}`),
      ...[
        'alpha_processing',
        'cpu',
        'dec',
        'dec_clip_tables',
        'filters',
        'lossless',
        'rescaler',
        'upsampling',
        'yuv',
      ].map((name) => `src/dsp/${name}`),
      ...['bit_reader', 'color_cache', 'filters', 'huffman', 'quant_levels_dec', 'random', 'rescaler', 'thread'].map(
        (name) => `src/utils/${name}_utils`,
      ),
      'src/utils/utils',
    ],
    added: ['webp.c', 'arena.c'],
    prepare() {},
  },
]

const FLAGS = [
  // Within 7 % of the speed of -O3, and a seventh smaller. SIMD makes neither faster: the libraries have none for WebAssembly.
  ...['-target', 'wasm32-freestanding', '-mcpu=generic+bulk_memory', '-std=c11', '-Os', '-nostdlib', '-g0', '-s'],
  ...['-DNDEBUG', '-fno-sanitize=all', '-fvisibility=hidden', '-ffunction-sections', '-fdata-sections'],
  ...['-Wl,--no-entry', '-Wl,--strip-all', '-Wl,--gc-sections', '-Wl,-z,stack-size=131072'],
  ...['-I', 'own/libc', '-I', 'own', '-I', '.'],
]

const sha256Of = (bytes) => createHash('sha256').update(bytes).digest('hex')

const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' })

/** Where apt keeps what it knows of Debian's sources: nothing of the system's changes. */
function aptOptions() {
  const mirrors = run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Origin: Debian']).split('\n')
  const mirror = mirrors.find((uri) => uri && !uri.includes('security'))
  if (!mirror) throw new Error('this machine has no mirror of Debian')
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(aptFolder, name), { recursive: true })
  const list = `Types: deb-src
URIs: ${mirror}
Suites: forky sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`
  writeFileSync(join(aptFolder, 'debian.sources'), list)
  const options = {
    'Dir::Etc::sourcelist': join(aptFolder, 'debian.sources'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(aptFolder, 'lists'),
    'Dir::Cache': aptFolder,
    'APT::Sandbox::User': '',
  }
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

/** Any of Debian's packages of this version: it changes what surrounds the original archive, not that. */
function fetchSource(options, { source, version, sha256 }) {
  const known = run('apt-cache', [...options, 'showsrc', '--only-source', source]).split('\n\n')
  const found = known.find((one) => one.includes(sha256))
  const packaged = found && /^Version: (.*)$/m.exec(found)[1]
  if (!packaged) throw new Error(`Debian has ${source} ${version} no more`)
  run('apt-get', [...options, 'source', '-q', '--download-only', '--only-source', `${source}=${packaged}`], cache)
}

function findArchives() {
  const paths = DECODERS.map(({ source, version }) => join(cache, `${source}_${version}.orig.tar.gz`))
  const missing = DECODERS.filter((_, index) => !existsSync(paths[index]))
  if (missing.length > 0) {
    try {
      const options = aptOptions()
      run('apt-get', [...options, 'update', '-q'])
      for (const decoder of missing) fetchSource(options, decoder)
    } catch (error) {
      const wanted = missing.map(({ source, version, sha256 }) => `${source}_${version}.orig.tar.gz, sha256 ${sha256}`)
      throw new Error(`${error.message}\nPut these into .cache/decoders by hand:\n${wanted.join('\n')}`)
    } finally {
      // The lists of a hundred thousand packages.
      rmSync(aptFolder, { recursive: true, force: true })
    }
  }
  for (const [index, { sha256 }] of DECODERS.entries()) {
    const found = sha256Of(readFileSync(paths[index]))
    if (found !== sha256) throw new Error(`${paths[index]}: expected sha256 ${sha256}, got ${found}`)
  }
  return paths
}

function compile(zig, { source, version, folder, flags, files, added, prepare }, archive) {
  const place = mkdtempSync(join(tmpdir(), 'tensorferry-decoders-'))
  try {
    runOrExit('tar', ['xzf', archive], place)
    const sources = join(place, `${source}-${version}`, folder)
    // Beside the library's own: every path is relative, and nothing of the machine gets into the file.
    cpSync(own, join(sources, 'own'), { recursive: true })
    prepare(sources)
    runOrExit(
      zig,
      [
        'cc',
        ...FLAGS,
        ...flags,
        ...files.map((file) => `${file}.c`),
        ...added.map((file) => `own/${file}`),
        ...['-o', 'decoder.wasm'],
      ],
      sources,
    )
    return readFileSync(join(sources, 'decoder.wasm'))
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

const targetOf = ({ name }) => join(packageFolder, 'src', 'codecs', `${name}.wasm`)
const stampPath = join(own, 'built.json')

/** What the decoders are made of, and what they are now. */
function stamp() {
  const files = readdirSync(own, { recursive: true }).filter((name) => /\.[ch]$/.test(name))
  const texts = files.sort().map((name) => [name.replaceAll('\\', '/'), readFileSync(join(own, name), 'utf8')])
  const sources = sha256Of(JSON.stringify([ZIG_VERSION, FLAGS, LEFT_OUT, DECODERS, texts]))
  const results = DECODERS.map((decoder) => [`${decoder.name}.wasm`, sha256Of(readFileSync(targetOf(decoder)))])
  return `${JSON.stringify({ sources, ...Object.fromEntries(results) }, null, 2)}\n`
}

function checkStamp() {
  if (readFileSync(stampPath, 'utf8') === stamp()) return
  console.error('wasm/decoders changed after the build: run node packages/core/scripts/build-decoders.mjs')
  process.exitCode = 1
}

function build(isCheck) {
  const archives = findArchives()
  const zig = findZig()
  for (const [index, decoder] of DECODERS.entries()) {
    const { name, source, version } = decoder
    const bytes = compile(zig, decoder, archives[index])
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes))
    if (imports.length > 0) throw new Error(`${name}: imports ${imports.map((one) => one.name).join(', ')}`)
    const target = targetOf(decoder)
    const same = existsSync(target) && readFileSync(target).equals(bytes)
    console.log(`${name}.wasm: ${source} ${version}, ${bytes.length} bytes${same ? ', as committed' : ''}`)
    if (isCheck && !same) {
      console.error(
        `${name}.wasm is not what its sources compile to: run node packages/core/scripts/build-decoders.mjs`,
      )
      process.exitCode = 1
    } else if (!same) writeFileSync(target, bytes)
  }
  if (!isCheck) writeFileSync(stampPath, stamp())
}

const isCheck = process.argv.includes('--check')
if (!process.argv.includes('--stamp')) build(isCheck)
checkStamp()
