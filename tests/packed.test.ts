// Packs every package as it would be published, and uses the tarballs in projects outside the repository.
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeBlocks, toJavaScript } from './code-blocks.ts'
import {
  addReaderFiles,
  answerOf,
  createNpmProject,
  createPnpmWorkspace,
  packPackages,
  runProgram,
  type Tarballs,
} from './packed-projects.ts'
import { typeCheck } from './type-check.ts'
import { manifestOf, publishedPackages, ROOT, run } from './workspace.ts'

const ATTW = fileURLToPath(new URL('./dist/index.js', import.meta.resolve('@arethetypeswrong/cli/package.json')))
const CORE = '@tensorferry/core'
const ONNX_NODE = '@tensorferry/backend-onnx-node'
const LIBTORCH = '@tensorferry/backend-libtorch'
const ONNX_WEB = '@tensorferry/backend-onnx-web'
const REMOTE = '@tensorferry/backend-remote'
const SERVER = '@tensorferry/server'
const packages = publishedPackages().map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }))
const readme = codeBlocks('README.md')

let folder: string
let tarballs: Tarballs
/** Folders of the apps, by layout. */
const apps: Record<string, string> = {}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-packed-')))
  tarballs = await packPackages(folder)
  apps['an npm project'] = await createNpmProject(join(folder, 'npm'), tarballs)
  apps['an app of a pnpm workspace'] = await createPnpmWorkspace(join(folder, 'pnpm'), tarballs)
  apps['core alone'] = await createNpmProject(join(folder, 'core-alone'), { [CORE]: tarballs[CORE]! }, {})
  for (const app of Object.values(apps)) await addReaderFiles(app)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a tarball holds beside its program: the schema, the command's entry, the addon's sources and the prebuilt addons,
 * a runtime with its licence, gRPC's description, the server's page. */
const MORE_IN_TARBALL: Readonly<Record<string, RegExp>> = {
  [CORE]: /^(schema\/bundle\.schema\.json|NOTICE\.txt)$/,
  [LIBTORCH]:
    /^bin\/tensorferry-libtorch\.js$|^native\/(check\.pt|(?:aot|torchscript)\/[\w.-]+)$|^prebuilt\/\w+-\w+\/aot\.node$/,
  [ONNX_WEB]: /^dist\/(ort-wasm[\w-]*\.wasm|NOTICE\.txt)$/,
  [REMOTE]: /^dist\/grpc_predict_v2\.proto$/,
  [SERVER]: /^dist\/(grpc_(?:predict_v2|health_v1)\.proto|page\/(index\.html|style\.css))$/,
}

/** The files of an installed package, which are those of its tarball. */
async function packedFiles(name: string): Promise<readonly string[]> {
  const installed = join(apps['an npm project']!, 'node_modules', name)
  const entries = await readdir(installed, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(installed, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}

describe.each(packages)('$name', ({ name, manifest }) => {
  test('publint finds nothing', async () => {
    const tarball = new Uint8Array(await readFile(tarballs[name]!)).buffer
    const { messages } = await publint({ pack: { tarball }, strict: true })
    expect(messages).toEqual([])
  })

  test('attw finds every entry point and its types', async () => {
    const args = [ATTW, tarballs[name]!, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'json']
    const { code, stdout } = await run(folder, process.execPath, args)
    expect(code, stdout).toBe(0)
    const { analysis } = JSON.parse(stdout)
    expect(Object.keys(analysis.entrypoints)).toEqual(Object.keys(manifest.exports))
  })

  test('the tarball holds what is built, README, LICENSE and schema, and nothing else', async () => {
    const files = await packedFiles(name)
    const others = files.filter((path) => !/^dist\/[\w/-]+(\.js|\.d\.ts)$/.test(path))
    const more = others.filter((path) => MORE_IN_TARBALL[name]?.test(path))
    expect(others.filter((path) => !more.includes(path))).toEqual(['LICENSE', 'README.md', 'package.json'])
    expect(more.length > 0).toBe(name in MORE_IN_TARBALL)
    const targets = [...Object.values(manifest.exports), ...Object.values(manifest.imports ?? {})]
      .flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)))
      .map((target) => target.slice('./'.length))
    expect(files).toEqual(expect.arrayContaining(targets))
  })

  test('no path of this machine is inside', async () => {
    const places = [ROOT, `${homedir()}/`, `${tmpdir()}/`, '/node_modules/'].filter((place) => place.length > 2)
    const found: string[] = []
    for (const path of await packedFiles(name)) {
      const text = await readFile(join(apps['an npm project']!, 'node_modules', name, path), 'utf8')
      found.push(...places.filter((place) => text.includes(place)).map((place) => `${path}: ${place}`))
    }
    expect(found).toEqual([])
  })

  test('packages of the workspace are asked for by a real range', async () => {
    const packed = manifestOf(join(apps['an npm project']!, 'node_modules', name))
    for (const [dependency, range] of Object.entries(packed.dependencies ?? {})) {
      if (dependency in tarballs) expect(range).toBe(`^${manifest.version}`)
      else expect(range).toMatch(/^\d+\.\d+\.\d+$/)
    }
    expect(packed.devDependencies ?? {}).not.toHaveProperty(CORE)
  })
})

/** What importing changes in a process: listeners, handles, globals, patched functions, output. */
const SIDE_EFFECTS = (specifier: string, how: 'import' | 'require') => `
const fs = ${how === 'import' ? "await import('node:fs')" : "require('node:fs')"}
const state = () => ({
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  resources: process.getActiveResourcesInfo(),
  tasks: process.platform === 'linux' ? fs.readdirSync('/proc/self/task').length : 0,
  globals: Object.getOwnPropertyNames(globalThis).filter((name) => !known.has(name)),
  prototypes: [Error, Array, Float32Array, Promise].map(
    (type) => [Reflect.ownKeys(type), Reflect.ownKeys(type.prototype)].flat().length
  ),
  environment: Object.keys(process.env).length,
})
const known = new Set(Object.getOwnPropertyNames(globalThis))
const printed = []
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write
  stream.write = (text, ...rest) => { printed.push(String(text)); return write.call(stream, text, ...rest) }
}
// The first import of a file starts what Node itself needs for modules.
${how === 'import' ? "await import('./nothing.mjs')" : ''}
const before = state()
${how === 'import' ? `await import('${specifier}')` : `require('${specifier}')`}
const after = state()
fs.writeSync(1, JSON.stringify({ before, after, printed }))`

const BY_NAME = `
import { loadModel } from '${CORE}'
import { readFile } from 'node:fs/promises'
const options = JSON.parse(process.env.OPTIONS)
const model = await loadModel('./digits', options)
const [best] = await model.predict(await readFile('digit.png'))
await model.dispose()
const { backend, chosenBy, runtime } = model.report
process.stdout.write(JSON.stringify({ label: best.label, backend, chosenBy, threads: runtime.threads }))`

describe.each(['an npm project', 'an app of a pnpm workspace'])('in %s', (layout) => {
  /** Runs TypeScript the way a bundler or tsx would hand it to Node. */
  async function runTypeScript(name: string, code: string) {
    const path = join(apps[layout]!, name)
    await writeFile(`${path}.ts`, code)
    await toJavaScript(`${path}.ts`, `${path}.mjs`)
    return run(apps[layout]!, process.execPath, [`${name}.mjs`])
  }

  test.each(readme.filter(({ language, typesOnly }) => language === 'ts' && !typesOnly))(
    'the code of README.md, line $line, runs',
    async ({ code, line }) => {
      const ended = await runTypeScript(`readme-${line}`, code)
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
    },
  )

  test('what README.md wrote is a picture three times as large', async () => {
    const before = await sharp(join(apps[layout]!, 'photo.png')).metadata()
    const after = await sharp(join(apps[layout]!, 'photo-x3.png')).metadata()
    expect([after.width, after.height, after.format]).toEqual([3 * before.width!, 3 * before.height!, 'png'])
  })

  test('CommonJS requires every entry point and runs a model', async () => {
    const answer = await answerOf(
      apps[layout]!,
      'commonjs.cjs',
      `const { loadModel, TensorferryError } = require('${CORE}')
const { conformanceCases } = require('${CORE}/testing')
const schema = require('${CORE}/bundle.schema.json')
const { onnxNode, default: factory } = require('${ONNX_NODE}')
const { onnxWeb } = require('${ONNX_WEB}')
async function main() {
  const model = await loadModel('./digits', { backend: onnxNode() })
  const [best] = await model.predict(require('node:fs').readFileSync('digit.png'))
  await model.dispose()
  process.stdout.write(JSON.stringify({
    label: best.label, same: factory === onnxNode, web: onnxWeb().name, cases: conformanceCases.length > 0, schema: schema.type,
    version: require('${CORE}/package.json').version, error: new TensorferryError('NOT_FOUND', 'x').code,
  }))
}
main()`,
    )
    const { version } = manifestOf(join(ROOT, 'packages/core'))
    expect(answer).toEqual({
      label: '3',
      same: true,
      web: 'onnx-web',
      cases: true,
      schema: 'object',
      version,
      error: 'NOT_FOUND',
    })
  })

  test.each([
    ['onnx-node', ONNX_NODE],
    ['onnx-web', ONNX_WEB],
  ])('%s is found by its name, from the app', async (backend, name) => {
    const options = JSON.stringify({ backend: [name, { threads: 1 }] })
    const answer = await answerOf(apps[layout]!, 'by-name.mjs', BY_NAME, { OPTIONS: options })
    expect(answer).toEqual({ label: '3', backend, chosenBy: 'options', threads: 1 })
  })

  test('TENSORFERRY_BACKEND chooses the backend', async () => {
    const environment = { OPTIONS: '{}', TENSORFERRY_BACKEND: ONNX_NODE }
    const answer = await answerOf(apps[layout]!, 'by-environment.mjs', BY_NAME, environment)
    expect(answer).toMatchObject({ label: '3', backend: 'onnx-node', chosenBy: 'TENSORFERRY_BACKEND' })
  })

  test('tensorferry.config.json as README.md gives it chooses the backend', async () => {
    const config = readme.find(({ language, code }) => language === 'json' && code.includes('"backends"'))!
    const path = join(apps[layout]!, 'tensorferry.config.json')
    await writeFile(path, config.code)
    const answer = await answerOf(apps[layout]!, 'by-config.mjs', BY_NAME, { OPTIONS: '{}' })
    await rm(path)
    expect(answer).toEqual({ label: '3', backend: 'onnx-node', chosenBy: path, threads: 2 })
  })

  test('the command line finds the backend beside it', async () => {
    const call = ['tensorferry', 'verify', './digits', '--json']
    const { code, stdout } = await run(apps[layout]!, 'npx', ['--no-install', ...call])
    const { passed, backends } = JSON.parse(stdout)
    expect({ code, passed }).toEqual({ code: 0, passed: true })
    expect(backends).toContainEqual(expect.objectContaining({ name: 'onnx-node', status: 'passed' }))
  })

  test('a backend that is not installed is said to be so, with the command for one that exists', async () => {
    const { code, stderr } = await runProgram(apps[layout]!, 'missing.mjs', BY_NAME, {
      OPTIONS: JSON.stringify({ backend: '@tensorferry/backend-nowhere' }),
    })
    expect(code).toBe(1)
    expect(stderr).toContain('BACKEND_NOT_INSTALLED')
    expect(stderr).toContain(`npm install ${ONNX_NODE}`)
    expect(stderr).not.toContain('npm install @tensorferry/backend-nowhere')
  })

  const entries = [CORE, `${CORE}/names`, `${CORE}/node`, `${CORE}/testing`, ONNX_NODE, ONNX_WEB, LIBTORCH].flatMap(
    (specifier) => (['import', 'require'] as const).map((how) => ({ specifier, how })),
  )
  test.each(entries)('$how of $specifier has no side effects', async ({ specifier, how }) => {
    const name = `side-effects.${how === 'import' ? 'mjs' : 'cjs'}`
    await writeFile(join(apps[layout]!, 'nothing.mjs'), '')
    const code = SIDE_EFFECTS(specifier, how)
    const { before, after, printed } = (await answerOf(apps[layout]!, name, code)) as Record<string, unknown>
    expect(after).toEqual(before)
    expect(printed).toEqual([])
  })
})

test('README.md and all declarations type-check without skipLibCheck and without the DOM', async () => {
  const app = apps['an npm project']!
  const files: string[] = []
  for (const { line, code } of readme.filter(({ language }) => language === 'ts')) {
    files.push(`readme-${line}.ts`)
    await writeFile(join(app, `readme-${line}.ts`), code)
  }
  await writeFile(
    join(app, 'entries.ts'),
    `export * as core from '${CORE}'\nexport * as testing from '${CORE}/testing'\nexport * as onnxNode from '${ONNX_NODE}'\nexport * as libtorch from '${LIBTORCH}'\nexport * as onnxWeb from '${ONNX_WEB}'\nexport * as serviceWorker from '${ONNX_WEB}/service-worker'\n`,
  )
  expect(await typeCheck(app, [...files, 'entries.ts'])).toBe('')
})

test('two copies of core recognise each other’s errors', async () => {
  const npm = join(apps['an npm project']!, 'node_modules')
  const modules = join(folder, 'two-copies', 'node_modules')
  await mkdir(join(modules, '@tensorferry'), { recursive: true })
  for (const name of await readdir(npm)) {
    if (name !== '@tensorferry' && !name.startsWith('.'))
      await symlink(join(npm, name), join(modules, name), 'junction')
  }
  for (const name of [CORE, ONNX_NODE]) await cp(join(npm, name), join(modules, name), { recursive: true })
  await cp(join(npm, CORE), join(modules, ONNX_NODE, 'node_modules', CORE), { recursive: true })
  await cp(join(ROOT, 'examples/bundles/digits'), join(folder, 'two-copies', 'digits'), { recursive: true })
  const answer = await answerOf(
    dirname(modules),
    'main.mjs',
    `import { loadModel, TensorferryError } from '${CORE}'
import { onnxNode } from '${ONNX_NODE}'
const caught = async (work) => { try { await work() } catch (error) { return error } }
const described = (error) => ({
  is: TensorferryError.is(error), code: error.code, instance: error instanceof TensorferryError,
  stack: error.stack.slice(0, error.stack.indexOf(':')),
})
const option = await caught(() => onnxNode({ threds: 1 }))
const model = await loadModel('./digits', { backend: onnxNode() })
const wrong = { image: { dtype: 'float32', shape: [1, 1, 8, 7], data: new Float32Array(56) } }
const input = await caught(() => model.session.run(wrong))
await model.dispose()
process.stdout.write(JSON.stringify([described(option), described(input)]))`,
  )
  expect(answer).toEqual([
    { is: true, code: 'OPTIONS_INVALID', instance: false, stack: 'TensorferryError' },
    { is: true, code: 'INPUT_INVALID', instance: false, stack: 'TensorferryError' },
  ])
})

describe('core alone', () => {
  test('brings no native code', async () => {
    const modules = join(apps['core alone']!, 'node_modules')
    const files = await readdir(modules, { recursive: true })
    expect(files.length).toBeGreaterThan(10)
    expect(files.filter((path) => /\.(node|so|dylib|dll|wasm)(\.|$)/.test(path))).toEqual([])
    const installed = files.filter((path) => path.endsWith('package.json')).map((path) => dirname(path))
    expect(installed.map((path) => path.replaceAll('\\', '/')).sort()).toEqual([CORE, 'valibot'])
  })

  test('says how to install a backend, and sharp for pictures', async () => {
    const answer = await answerOf(
      apps['core alone']!,
      'main.mjs',
      `import { decodeImage, loadModel } from '${CORE}'
import { readFile } from 'node:fs/promises'
const caught = (promise) => promise.then(() => null, ({ code, message }) => ({ code, message }))
process.stdout.write(JSON.stringify([
  await caught(loadModel('./digits')),
  await caught(decodeImage(await readFile('photo.png'))),
]))`,
    )
    expect(answer).toEqual([
      { code: 'BACKEND_NOT_INSTALLED', message: expect.stringContaining(`npm install ${ONNX_NODE}`) },
      { code: 'DEPENDENCY_MISSING', message: expect.stringContaining('npm install sharp') },
    ])
  })
})
