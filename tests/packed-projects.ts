import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeBlocks } from './code-blocks.ts'
import { type Finished, manifestOf, publishedPackages, ROOT, run, runToEnd } from './workspace.ts'

/** Versions of what a user installs beside our packages. */
const BESIDE = {
  sharp: manifestOf(join(ROOT, 'examples')).dependencies!.sharp!,
  '@types/node': manifestOf(ROOT).devDependencies!['@types/node']!,
}

/** The install script of onnxruntime-node fetches CUDA libraries alone. */
const INSTALL_ENVIRONMENT = { ONNXRUNTIME_NODE_INSTALL: 'skip' }

function pnpm(folder: string, args: readonly string[]): Promise<string> {
  return runToEnd(folder, 'npx', ['--yes', manifestOf(ROOT).packageManager, ...args], INSTALL_ENVIRONMENT)
}

/** Tarballs by package name. */
export type Tarballs = Readonly<Record<string, string>>

/** Packs packages as they would be published. */
export async function packPackages(folder: string, names?: readonly string[]): Promise<Tarballs> {
  const packages = publishedPackages().filter(({ manifest }) => names?.includes(manifest.name) ?? true)
  const filters = packages.flatMap(({ manifest }) => ['--filter', manifest.name])
  // What is built: test files run side by side, and each would build otherwise.
  await pnpm(ROOT, [...filters, 'pack', '--config.ignore-scripts=true', '--pack-destination', folder])
  return Object.fromEntries(
    packages.map(({ manifest: { name, version } }) => [
      name,
      join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`),
    ]),
  )
}

const asFiles = (tarballs: Tarballs): Record<string, string> =>
  Object.fromEntries(Object.entries(tarballs).map(([name, path]) => [name, `file:${path}`]))

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, JSON.stringify(value, null, 2))
}

/** Installs tarballs with npm into an empty project. */
export async function createNpmProject(folder: string, tarballs: Tarballs, beside: object = BESIDE): Promise<string> {
  await mkdir(folder, { recursive: true })
  await writeJson(join(folder, 'package.json'), {
    name: 'app',
    private: true,
    type: 'module',
    dependencies: { ...asFiles(tarballs), ...beside },
  })
  await runToEnd(folder, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], INSTALL_ENVIRONMENT)
  return folder
}

/** Installs tarballs with pnpm into the app of an empty workspace, each package seeing its own dependencies alone. */
export async function createPnpmWorkspace(folder: string, tarballs: Tarballs): Promise<string> {
  const app = join(folder, 'apps', 'app')
  await mkdir(app, { recursive: true })
  await writeJson(join(folder, 'package.json'), { name: 'workspace', private: true })
  // JSON is YAML. The override stands for the registry that core will be taken from.
  await writeJson(join(folder, 'pnpm-workspace.yaml'), {
    packages: ['apps/*'],
    hoist: false,
    overrides: asFiles(tarballs),
    ignoredBuiltDependencies: ['onnxruntime-node', 'protobufjs', 'sharp'],
  })
  await writeJson(join(app, 'package.json'), {
    name: 'app',
    private: true,
    type: 'module',
    dependencies: { ...asFiles(tarballs), ...BESIDE },
  })
  await pnpm(folder, ['install', '--prefer-offline', '--no-frozen-lockfile'])
  return app
}

/** Puts beside an app what the documents' code reads: both bundles, a picture for each, a model of photos, and the guide's bundle. */
export async function addReaderFiles(app: string): Promise<void> {
  const bundles = join(ROOT, 'examples', 'bundles')
  await cp(bundles, app, { recursive: true })
  await cp(join(bundles, 'super-resolution-x3', 'photo.png'), join(app, 'photo.png'))
  const models = join(ROOT, 'packages', 'backend-onnx-node', 'test', 'fixtures')
  await cp(join(models, 'conv-224.onnx'), join(app, 'model.onnx'))
  await cp(join(ROOT, 'examples', 'digits', 'samples', '3.png'), join(app, 'digit.png'))
  const byHand = codeBlocks('docs/guides/steps.md').find(({ code }) => code.includes('"name": "colours"'))!
  await mkdir(join(app, 'colours'), { recursive: true })
  await writeFile(join(app, 'colours', 'bundle.json'), byHand.code)
  await cp(join(ROOT, 'tests', 'fixtures', 'colours.onnx'), join(app, 'colours', 'model.onnx'))
}

/** Runs a program's text with Node in an app's folder; `.mjs` imports, `.cjs` requires. */
export async function runProgram(
  app: string,
  name: string,
  code: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  await writeFile(join(app, name), code)
  return run(app, process.execPath, [name], environment)
}

/** Runs a program that has to end well and quietly; gives what it wrote as JSON. */
export async function answerOf(...call: Parameters<typeof runProgram>): Promise<unknown> {
  const { code, stdout, stderr } = await runProgram(...call)
  if (code !== 0 || stderr !== '') throw new Error(`${call[1]} ended with ${code}\n${stderr}${stdout}`)
  return JSON.parse(stdout)
}
