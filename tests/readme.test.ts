// The documents' code: TypeScript compiles and runs, JSON parses, commands exist, links lead somewhere.
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CodeBlock, codeBlocks, documents, toJavaScript } from './code-blocks.ts'
import { linkPackages } from './linked-project.ts'
import { addReaderFiles } from './packed-projects.ts'
import { unknownCommands } from './shell-commands.ts'
import { typeCheck } from './type-check.ts'
import { ROOT, run } from './workspace.ts'

const VITEST = fileURLToPath(new URL('./vitest.mjs', import.meta.resolve('vitest/package.json')))
// `python` is run by the exporter's tests, `py` is a part that does not stand alone.
const LANGUAGES = ['ts', 'json', 'sh', 'text', 'python', 'py']
const blocks = documents().flatMap(codeBlocks)
const typescript = blocks.filter(({ language }) => language === 'ts')

/** The folder of a document's code: blocks that name a file go there, the others stand beside them. */
const folderOf = (block: CodeBlock): string => block.document.replace(/\W+/g, '-')
const pathOf = (block: CodeBlock): string => `${folderOf(block)}/${block.file ?? `line-${block.line}.ts`}`
const byLine = (language: string) => blocks.filter((block) => block.language === language)

let folder: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-documents-')))
  await linkPackages(folder)
  for (const block of typescript) {
    await mkdir(dirname(join(folder, pathOf(block))), { recursive: true })
    await writeFile(join(folder, pathOf(block)), block.code)
  }
  for (const name of new Set(typescript.map(folderOf))) await addReaderFiles(join(folder, name))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test('the documents are found', () => {
  expect(documents()).toEqual(expect.arrayContaining(['README.md', 'packages/core/README.md']))
  expect(typescript.length).toBeGreaterThanOrEqual(5)
  expect(blocks.filter(({ language }) => !LANGUAGES.includes(language))).toEqual([])
})

test('all TypeScript compiles under strict', async () => {
  const isNext = ({ file }: CodeBlock) => file?.startsWith('app/') ?? false
  const own = typescript.filter((block) => !isNext(block))
  expect(await typeCheck(folder, own.map(pathOf), { skipLibCheck: true })).toBe('')
  // Next.js resolves files without their ending, and none by that of JavaScript.
  const next = { skipLibCheck: true, module: 'ESNext', moduleResolution: 'bundler' }
  expect(await typeCheck(folder, typescript.filter(isNext).map(pathOf), next)).toBe('')
})

// README.md's code runs on the packed packages, in packed.test.ts.
const running = typescript.filter(({ document, typesOnly }) => !typesOnly && document !== 'README.md')

describe.each(running)('$document, line $line', (block) => {
  test('the code runs', async () => {
    const path = join(folder, pathOf(block))
    if (path.endsWith('.test.ts')) {
      const ended = await run(join(folder, folderOf(block)), process.execPath, [VITEST, 'run', block.file!])
      expect(ended.code, ended.stdout + ended.stderr).toBe(0)
      return
    }
    await toJavaScript(path, path.replace(/\.ts$/, '.mjs'))
    const ended = await run(join(folder, folderOf(block)), process.execPath, [path.replace(/\.ts$/, '.mjs')])
    expect({ code: ended.code, stderr: ended.stderr }, ended.stdout).toEqual({ code: 0, stderr: '' })
  })
})

test.each(byLine('json'))('$document, line $line: JSON parses', ({ code }) => {
  expect(() => JSON.parse(code)).not.toThrow()
})

// Those of the first model are run in first-hour.test.ts.
const commands = byLine('sh').filter(({ document }) => document !== 'docs/guides/your-first-model.md')

test.each(commands)('$document, line $line: the commands exist', ({ code }) => {
  expect(unknownCommands(code)).toEqual([])
})

test.each([...documents(), 'CONTRIBUTING.md'])('%s: every link leads to a file', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8').replace(/^```.*?^```$/gms, '')
  const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!)
  const broken = links.filter(
    (link) => !/^(https?:|#)/.test(link) && !existsSync(join(ROOT, dirname(document), link.split('#')[0]!)),
  )
  expect(broken).toEqual([])
})
