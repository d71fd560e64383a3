// A stranger's first hour: docs/guides/your-first-model.md step by step in an empty folder, and README's way to install.
// Nothing here reaches NuGet, from which the install script of onnxruntime-node takes CUDA's libraries.
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeBlocks } from './code-blocks.ts'
import { type Step, stepsOf, take } from './walk-guide.ts'
import { manifestOf, ROOT, run, runToEnd } from './workspace.ts'

const GUIDE = 'docs/guides/your-first-model.md'
const TYPESCRIPT_7 = '7.0.2'
const TYPESCRIPT_5 = fileURLToPath(new URL('./bin/tsc', import.meta.resolve('typescript/package.json')))

const python = process.env.TENSORFERRY_PYTHON
const { devDependencies } = manifestOf(ROOT)
/** What a reader gets in its newest version is pinned here. */
const PINNED: Readonly<Record<string, string>> = {
  sharp: devDependencies!.sharp!,
  '@types/node': devDependencies!['@types/node']!,
  typescript: TYPESCRIPT_7,
}

let folder: string
let app: string
let environment: NodeJS.ProcessEnv

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-first-hour-')))
  app = join(folder, 'my-app')
  await mkdir(app)
  // The clone: pip builds inside a package's folder, which is therefore a copy.
  const isSource = (path: string) => !/(\/tests|__pycache__|\.egg-info)$/.test(path)
  await cp(join(ROOT, 'packages/exporter'), join(folder, 'tensorferry/packages/exporter'), {
    recursive: true,
    filter: isSource,
  })
  environment = {
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    GLOBAL_AGENT_HTTPS_PROXY: 'http://127.0.0.1:9',
    GLOBAL_AGENT_HTTP_PROXY: 'http://127.0.0.1:9',
  }
  await runToEnd(folder, 'npm', ['install', `typescript@${TYPESCRIPT_7}`], environment)
  await runToEnd(ROOT, 'npm', ['run', 'pack', '--', join(folder, 'tensorferry/out')], environment)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** A Python environment that has what the exporter needs, and not the exporter; `pip` and `python` are its programs. */
async function createPython(): Promise<string> {
  const venv = join(folder, 'venv')
  await runToEnd(folder, python!, ['-m', 'venv', '--without-pip', venv])
  const bin = join(venv, 'bin')
  const places = 'import sysconfig; print(sysconfig.get_path("purelib"))'
  const [here, there] = await Promise.all(
    [join(bin, 'python'), python!].map((one) => runToEnd(folder, one, ['-c', places])),
  )
  await writeFile(join(here!.trim(), 'ready.pth'), there!)
  // Offline: everything else is there, setuptools too.
  const pip = `#!/bin/sh\nexec '${join(bin, 'python')}' -m pip "$@" --no-index --no-build-isolation\n`
  await writeFile(join(bin, 'pip'), pip, { mode: 0o755 })
  return bin
}

/** The step as it is taken here: packed outside the clone, and with the versions that the tests are pinned to. */
function asHere(step: Step): Step {
  if (step.kind === 'file' || !step.command.startsWith('npm install')) return step
  const words = step.command.split(' ').map((word) => (word in PINNED ? `${word}@${PINNED[word]}` : word))
  return { ...step, command: words.join(' ') }
}

/** What `tsc` of a version says of a project's folder; empty: all is well. */
async function compile(version: '5' | '7', project: string): Promise<string> {
  const tsc = version === '5' ? TYPESCRIPT_5 : join(folder, 'node_modules/typescript/bin/tsc')
  const { stdout, stderr } = await run(project, process.execPath, [tsc, '--noEmit', '-p', '.'])
  return stdout + stderr
}

describe.skipIf(!python)('your-first-model.md', () => {
  const guide = stepsOf(GUIDE)
  const printed: Record<string, string> = {}

  beforeAll(async () => {
    const bin = await createPython()
    environment = {
      ...environment,
      PATH: [bin, process.env.PATH].join(delimiter),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PIP_ROOT_USER_ACTION: 'ignore',
    }
    await runToEnd(app, 'npm', ['init', '-y'], environment)
    for (const step of guide) {
      // It has packed outside the clone already.
      if (step.kind === 'command' && step.command === 'npm run pack') continue
      const ended = await take(asHere(step), app, environment)
      if (step.kind === 'command') printed[step.command] = ended!.stdout
    }
  })

  test('six commands lead from nothing to predict', () => {
    const commands = guide.flatMap((step) => (step.kind === 'command' ? [step.command] : []))
    const toPredict = commands.slice(0, commands.indexOf('node main.mjs') + 1)
    expect(toPredict.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual([
      'npm run',
      'pip install',
      'python train.py',
      'npm install',
      'npx tsc',
      'node main.mjs',
    ])
  })

  test('the last one prints the label of the picture, and a score', () => {
    expect(printed['node main.mjs']).toMatch(/^triangle 0\.\d+\n$/)
    expect(Number(printed['node main.mjs']!.split(' ')[1])).toBeGreaterThan(0.5)
  })

  test('the report is the one that the guide shows', () => {
    const shown = codeBlocks(GUIDE).find(({ language }) => language === 'text')!.code
    const withoutMeasures = (text: string) =>
      text
        .replace(/(?<=onnxruntime |torchscript )[\d.]+|[\d.]+ kB|(?<=at most )\S+|[\d.e-]+(?= \+ 0\.0001)/g, '…')
        .trim()
    expect(withoutMeasures(printed['python train.py']!)).toBe(withoutMeasures(shown))
  })

  test.each(['5', '7'] as const)('TypeScript %s knows the labels, and no others', async (version) => {
    const { code } = codeBlocks(GUIDE).find(({ language }) => language === 'ts')!
    const imported = code.replace(/interface Shapes \{.*?\n\}\n/s, "import type { Shapes } from './shapes.js'\n")
    expect(imported).not.toContain('interface')
    const wrong = (text: string) => text.replace('best?.label,', "best?.label === 'triangel',")
    const files = { main: code, wrong: wrong(code), imported, 'imported-wrong': wrong(imported) }
    for (const [name, text] of Object.entries(files)) await writeFile(join(app, `${name}.mts`), text)
    const output = await compile(version, app)
    const errors = Array.from(output.matchAll(/^(\S+?)\(.*?error (TS\d+)/gm), ([, file, error]) => `${file} ${error}`)
    expect(errors.sort()).toEqual(['imported-wrong.mts TS2367', 'wrong.mts TS2367'])
  })
})

describe('README.md, in your own project', () => {
  const blocks = codeBlocks('README.md')
  const installs = blocks.flatMap(({ language, code }) =>
    language === 'sh' ? code.split('\n').filter((line) => line.startsWith('npm install')) : [],
  )
  const needed = ['@tensorferry/backend-onnx-node', '@tensorferry/core', 'sharp']
  let project: string

  beforeAll(async () => {
    project = join(folder, 'readme')
    await mkdir(project)
    await runToEnd(project, 'npm', ['init', '-y'], environment)
    for (const command of installs.slice(0, 1))
      await take(asHere({ kind: 'command', command, line: 0 }), project, environment)
  })

  test('the line installs what the code below needs, and no more of ours', async () => {
    expect(Object.keys(manifestOf(project).dependencies!).sort()).toEqual(needed)
    expect((await readdir(join(project, 'node_modules/@tensorferry'))).sort()).toEqual(['backend-onnx-node', 'core'])
    expect(installs[1]!.split(' ').slice(2).sort()).toEqual(['--ignore-scripts', ...needed])
  })

  test('it does without NuGet, which the install script would ask for', async () => {
    const { code, stderr } = await run(
      project,
      'npm',
      ['rebuild', '--foreground-scripts', 'onnxruntime-node'],
      environment,
    )
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/ECONNREFUSED|ENOTFOUND/)
  })

  test.each([
    ['7', {}],
    ['7', { target: 'es2022' }],
    ['5', { target: 'es2022' }],
  ] as const)('TypeScript %s compiles the code, with %j beside what README says', async (version, more) => {
    await mkdir(join(project, 'node_modules/@types'), { recursive: true })
    const nodeTypes = join(project, 'node_modules/@types/node')
    await symlink(await realpath(join(ROOT, 'node_modules/@types/node')), nodeTypes, 'junction').catch(() => {})
    const compilerOptions = { module: 'nodenext', types: ['node'], strict: true, ...more }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.mts'] }))
    const [snippet, ...others] = blocks.filter(({ language }) => language === 'ts')
    expect(others).toEqual([])
    await writeFile(join(project, 'main.mts'), snippet!.code)
    expect(await compile(version, project)).toBe('')
  })
})
