// Apps of the packed packages, built by the bundlers that people use, and run in Chromium under a strict policy.
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../tests/free-port.ts'
import { createNpmProject, packPackages } from '../../../tests/packed-projects.ts'
import { ROOT, runToEnd } from '../../../tests/workspace.ts'
import { chromiumPath, launchChromium } from './browser/chromium.ts'
import { startFolderServer } from './browser/server.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const RUNTIME_FILES = ['worker', 'ort-wasm']
  .flatMap((name) => [`${name}.js`, `${name}-gpu.js`])
  .concat(['ort-wasm.wasm', 'ort-wasm-gpu.wasm'])

interface Bundler {
  readonly name: string
  /** Files beside the app's own, from this folder below `bundlers/`. */
  readonly config?: string
  /** What builds the app, of the packages below: a program of `.bin`, or a script; and its arguments. */
  readonly build: readonly [program: string, ...args: string[]]
  /** The same for a development server. */
  readonly serve?: readonly [script: string, ...args: string[]]
  /** Whether the runtime's files are copied by hand, as README.md says. */
  readonly copies: boolean
  /** Whether the bundler writes scripts alone, and no page. */
  readonly isPageOurs?: true
}

/** All in one project: both Vites under names of their own. */
const INSTALLS = {
  vite7: 'npm:vite@7.3.8',
  vite8: 'npm:vite@8.3.8',
  webpack: '5.112.2',
  'webpack-cli': '7.3.1',
  'minimizer-webpack-plugin': '5.14.0',
  esbuild: '0.28.2',
  rollup: '4.68.7',
  '@rollup/plugin-node-resolve': '16.0.3',
}

const vite = (version: 'vite7' | 'vite8', name: string): Bundler => ({
  name,
  // Vite 8 leaves what `new URL('./worker.js', import.meta.url)` names where it is.
  ...(version === 'vite7' ? { config: 'vite' } : {}),
  build: [`${version}/bin/vite.js`, 'build'],
  // What the other Vite has kept in node_modules is not its own.
  serve: [`${version}/bin/vite.js`, '--force', '--host', '127.0.0.1', '--strictPort'],
  copies: false,
})

const BUNDLERS: readonly Bundler[] = [
  vite('vite7', 'Vite 7'),
  vite('vite8', 'Vite 8'),
  { name: 'webpack 5', config: 'webpack', build: ['.bin/webpack'], copies: false, isPageOurs: true },
  {
    name: 'esbuild',
    build: ['.bin/esbuild', 'main.js', '--bundle', '--splitting', '--format=esm', '--outdir=dist'],
    copies: true,
    isPageOurs: true,
  },
  { name: 'Rollup', config: 'rollup', build: ['.bin/rollup', '--config'], copies: true, isPageOurs: true },
]

const ANSWER = {
  label: '3',
  verified: 1,
  runtime: { name: 'onnxruntime-web', provider: 'wasm', threads: 1 },
}

describe.skipIf(chromiumPath === null)('bundlers', () => {
  let folder: string
  let packages: string
  let browser: Browser
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-bundlers-')))
    const tarballs = await packPackages(folder, ['@tensorferry/core', '@tensorferry/backend-onnx-web'])
    packages = join(await createNpmProject(folder, tarballs, INSTALLS), 'node_modules')
    browser = await launchChromium()
  }, 300_000)
  afterAll(async () => {
    await browser.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** What the app found out, and what the browser complained of. */
  async function run(url: string): Promise<unknown> {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(url)
    await page.waitForFunction(() => 'answer' in globalThis, null, { timeout: 60_000 })
    const answer = await page.evaluate(() => (globalThis as unknown as { answer: unknown }).answer)
    await page.close()
    return { answer, complaints }
  }

  const expected = { answer: ANSWER, complaints: [] }

  describe.each(BUNDLERS)('$name', ({ name, config, build, serve, copies, isPageOurs }) => {
    let app: string
    beforeAll(async () => {
      app = join(folder, name.replace(/\W/g, '-'))
      await cp(here('./bundlers/app'), app, { recursive: true })
      if (config) await cp(here(`./bundlers/${config}`), app, { recursive: true })
      await cp(join(ROOT, 'examples/bundles/digits'), join(app, 'public/digits'), { recursive: true })
      await cp(join(ROOT, 'examples/digits/samples/3.png'), join(app, 'public/3.png'))
      // What every browser asks for.
      await writeFile(join(app, 'public/favicon.ico'), '')
    }, 300_000)

    test('a build runs in Chromium, under a strict Content-Security-Policy', async () => {
      const [program, ...args] = build
      const path = join(packages, program)
      await (program.endsWith('.js') ? runToEnd(app, process.execPath, [path, ...args]) : runToEnd(app, path, args))
      const dist = join(app, 'dist')
      if (isPageOurs) {
        await cp(join(app, 'public'), dist, { recursive: true })
        await writeFile(join(dist, 'index.html'), `<!doctype html><script type="module" src="./main.js"></script>`)
      }
      const runtime = join(packages, '@tensorferry/backend-onnx-web/dist')
      if (copies) for (const file of RUNTIME_FILES) await cp(join(runtime, file), join(dist, file))
      // Else the bundler has found them by itself, the large files whole.
      const emitted = await readdir(dist, { recursive: true })
      expect(emitted.filter((path) => path.endsWith('.wasm')).length).toBe(2)
      const server = await startFolderServer(dist)
      expect(await run(`${server.origin}/index.html`)).toMatchObject(expected)
      await server.close()
    }, 300_000)

    if (!serve) return
    test('its development server too', async () => {
      const port = await freePort()
      const [script, ...args] = serve
      const server = spawn(process.execPath, [join(packages, script), ...args, '--port', String(port)], { cwd: app })
      try {
        await printed(server, /Local/)
        expect(await run(`http://127.0.0.1:${port}/`)).toMatchObject(expected)
      } finally {
        server.kill()
      }
    }, 300_000)
  })
})

/** Waits until a process has printed something; rejects with all of it when it ends before. */
function printed(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (pattern.test(text)) resolve()
      })
    }
    child.once('exit', () => reject(new Error(`it ended before it printed ${pattern}:\n${text}`)))
  })
}
