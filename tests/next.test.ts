// docs/guides/in-your-server.md, its part on Next.js: built by Next.js itself from the packed packages, moved, and asked over HTTP.
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { codeBlocks } from './code-blocks.ts'
import { freePort } from './free-port.ts'
import { createNpmProject, packPackages } from './packed-projects.ts'
import { sweep } from './sweep.ts'
import { manifestOf, ROOT, runToEnd } from './workspace.ts'

const { typescript, '@types/node': nodeTypes } = manifestOf(ROOT).devDependencies!

const INSTALLS = {
  next: '16.4.6',
  react: '19.3.1',
  'react-dom': '19.3.1',
  sharp: manifestOf(join(ROOT, 'examples')).dependencies!.sharp!,
  typescript,
  '@types/node': nodeTypes,
  '@types/react': '19.2.7',
}

const PAGE = `export default function Page() { return <p>Digits</p> }
`
const LAYOUT = `export default function Layout({ children }: { children: React.ReactNode }) {
  return <html lang="en"><body>{children}</body></html>
}
`

const files = codeBlocks('docs/guides/in-your-server.md').flatMap(({ file, code }) =>
  file && /^(app\/|classify|next\.config)/.test(file) ? [{ file, code }] : [],
)

let folder: string | undefined
let server: ChildProcess | undefined

afterAll(async () => {
  server?.kill('SIGKILL')
  if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

test('the guide has a route, its settings and the code that they share', () => {
  expect(files.map(({ file }) => file).sort()).toEqual(['app/api/classify/route.ts', 'classify.ts', 'next.config.ts'])
})

/** Next.js and React take 340 MB: only the long tests fetch them. */
const versions = sweep(['standalone'], [])

test.each(versions)('Next.js builds it, and what it builds (%s) names digits elsewhere', async (output) => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-next-')))
  const tarballs = await packPackages(folder, ['@tensorferry/core', '@tensorferry/backend-onnx-node'])
  const app = await createNpmProject(join(folder, 'app'), tarballs, INSTALLS)
  await cp(join(ROOT, 'examples/bundles/digits'), join(app, 'digits'), { recursive: true })
  for (const { file, code } of [
    ...files,
    { file: 'app/page.tsx', code: PAGE },
    { file: 'app/layout.tsx', code: LAYOUT },
  ]) {
    await mkdir(dirname(join(app, file)), { recursive: true })
    await writeFile(
      join(app, file),
      code.replace('export default {', `export default {\n  output: '${output}' as const,`),
    )
  }
  await runToEnd(app, 'npx', ['--no-install', 'next', 'build'], { NEXT_TELEMETRY_DISABLED: '1', NODE_PATH: '' })

  // As an image would hold it: without the project it was built in.
  const moved = join(folder, 'moved')
  await rename(join(app, '.next', output), moved)
  await rm(app, { recursive: true })
  const port = await freePort()
  const env = { ...process.env, PORT: String(port), HOSTNAME: '127.0.0.1', NODE_PATH: '', NODE_OPTIONS: '' }
  server = spawn(process.execPath, ['server.js'], { cwd: moved, env, stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    server!.stdout!.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Ready')) resolve()
    })
    server!.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })
  const digit = new Blob([new Uint8Array(await readFile(join(ROOT, 'examples/digits/samples/3.png')))])
  const body = new FormData()
  body.set('picture', digit)
  const response = await fetch(`http://127.0.0.1:${port}/api/classify`, { method: 'POST', body })
  expect(await response.json()).toMatchObject([{ label: '3' }, {}, {}])
  expect(response.status).toBe(200)
})
