// Names that others have chosen, in what is written and in what is shown.
import { execFile } from 'node:child_process'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { printable } from '../src/terminal/printable.ts'
import { answerOf, changeManifest, copyBundle, ROOT, temporaryFolder, tensorferry } from './program.ts'

/** All that a text without control characters can try: Python, YAML, Dockerfile, shell, Kubernetes, KServe. */
const VERSION = '1.0""" + print(1) + """ \' `id` $(HOSTNAME) $HOME {{.Name}} # x: - & * ! | > \\'

/** What the files of a folder say, comments and the version's own places left out. */
async function filesOf(folder: string): Promise<Record<string, unknown>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const read = entries
    .filter((entry) => entry.isFile() && !/models/.test(entry.parentPath))
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name)
      const text = await readFile(path, 'utf8')
      const lines = text.split('\n').filter((line) => !line.startsWith('#'))
      if (!path.endsWith('.yaml')) return [path.slice(folder.length), lines]
      const documents = parseAllDocuments(text)
      expect(documents.flatMap(({ errors }) => errors)).toEqual([])
      const values = JSON.stringify(documents.map((document) => document.toJS()))
      // A tag and a label, of letters alone.
      return [
        path.slice(folder.length),
        values
          .replace(/digits-server:[\w.-]+"/g, 'digits-server:TAG"')
          .replace(/version":"[\w.-]+"/g, 'version":"LABEL"'),
      ]
    })
  return Object.fromEntries(await Promise.all(read))
}

test.each(['compose', 'kubernetes', 'kserve', 'ray'])(
  'deploy %s: a version stays in comments and labels',
  async (target) => {
    const bundle = await copyBundle('digits')
    const plain = await temporaryFolder()
    expect(await tensorferry(['deploy', target, bundle, '--out', plain])).toMatchObject({ code: 0 })
    await changeManifest(bundle, (manifest) => (manifest.version = VERSION))
    const hostile = await temporaryFolder()
    expect(await tensorferry(['deploy', target, bundle, '--out', hostile])).toMatchObject({ code: 0 })
    expect(await filesOf(hostile)).toEqual(await filesOf(plain))
  },
)

test('deploy: a name that no server can give a model is refused, the bundle’s and the given one', async () => {
  const bundle = await copyBundle('digits')
  for (const name of ['a=/etc', '--host', 'x y', '../x', '$(HOSTNAME)', 'a"""', '{{.Name}}', '.', 'x'.repeat(129)]) {
    await changeManifest(bundle, (manifest) => (manifest.name = name))
    const out = await temporaryFolder()
    const { code, answer } = await answerOf(['deploy', 'ray', bundle, '--out', join(out, 'x')])
    expect([code, answer.error.code], name).toEqual([2, 'OPTIONS_INVALID'])
    expect(answer.error.message).toContain('pass --name')
    expect(await tensorferry(['deploy', 'ray', bundle, '--out', join(out, 'y'), '--name', 'digits'])).toMatchObject({
      code: 0,
    })
    if (name.startsWith('-')) continue
    const given = await answerOf(['deploy', 'ray', bundle, '--out', join(out, 'z'), '--name', name])
    expect([given.code, given.answer.error.code], name).toEqual([2, 'OPTIONS_INVALID'])
  }
})

test('a name with control characters is refused by all that reads a bundle', async () => {
  const bundle = await copyBundle('digits')
  await changeManifest(bundle, (manifest) => (manifest.name = 'digits\n---\nkind: Pod'))
  for (const command of [['inspect'], ['verify'], ['deploy', 'kubernetes'], ['types']]) {
    const { code, answer } = await answerOf([...command, bundle])
    expect([code === 0, answer.error.code], command.join(' ')).toEqual([false, 'BUNDLE_INVALID'])
    expect(answer.error.message).toContain('without control characters')
  }
})

/** An ONNX model y = x whose names are these: inputs of a bare file, which no manifest has checked. */
async function identity(path: string, input: string, output: string): Promise<void> {
  const python = process.env.TENSORFERRY_PYTHON ?? 'python3'
  const program = `import sys
from onnx import helper, save
path, x, y = sys.argv[1:]
value = lambda name: helper.make_tensor_value_info(name, 1, [2])
graph = helper.make_graph([helper.make_node("Identity", [x], [y])], "g", [value(x)], [value(y)])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)`
  await promisify(execFile)(python, ['-c', program, path, input, output])
}

test.skipIf(!process.env.TENSORFERRY_PYTHON)(
  'inspect and run show such names, and a terminal does not act on them',
  async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await identity(path, 'x\u001b]0;owned\u0007', 'y\u009b2J\u202e')
    await rename(path, join(folder, 'a\u001b[2Jb.onnx'))
    for (const env of [{}, { FORCE_COLOR: '1' }]) {
      const { stdout, stderr } = await tensorferry(['inspect', join(folder, 'a\u001b[2Jb.onnx')], { env })
      expect(stdout).toContain('x\\u001b]0;owned\\u0007')
      expect(stdout).toContain('y\\u009b2J\\u202e')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are all that may be there
      const left = (stdout + stderr).replace(/\u001b\[\d{1,2}m|[\n\t]/g, '')
      expect(left).not.toMatch(/\p{Cc}|\u202e/u)
    }
    await writeFile(join(folder, 'b\u001b[2J.txt'), '')
    const missing = await tensorferry(['run', join(ROOT, 'examples/bundles/digits'), join(folder, 'b\u001b[2J.txt')])
    expect(missing.stdout + missing.stderr).toContain('\\u001b[2J')
    expect(missing.stdout + missing.stderr).not.toContain('\u001b')
  },
)

test('printable: colours stay where they may be, all else that acts is written out', () => {
  const green = '\u001b[32mok\u001b[39m'
  expect(printable(green, true)).toBe(green)
  expect(printable(green, false)).toBe('\\u001b[32mok\\u001b[39m')
  expect(printable('\u001b[8mhidden\u001b[2J\r\u0007', true)).toBe('\\u001b[8mhidden\\u001b[2J\\u000d\\u0007')
  expect(printable('a\tb\nc é 数 👩‍🔬 \u200f', true)).toBe('a\tb\nc é 数 👩‍🔬 \u200f')
  expect(JSON.parse(printable(JSON.stringify(['\u009b', '\u202e']), false))).toEqual(['\u009b', '\u202e'])
})
