import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LibtorchOptions, type LibtorchSession, libtorch } from '@tensorferry/backend-libtorch'
import { type Artifact, tensor } from '@tensorferry/core'
import { afterAll, expect, test } from 'vitest'
import { rejection } from './expect-error.ts'
import { artifactOf, fileOf, fixturePath, onDisk } from './model-file.ts'
import { readEntries, writeZip } from './programs/mutate.mjs'

const folder = mkdtempSync(join(tmpdir(), 'libtorch-untrusted-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const target = join(folder, 'written')
/** Reads and writes a file; as a statement of the last line of a model's code. */
const FROM_FILE = `torch.from_file("${target}", True, 2)`

/** The content of a model whose only class has this code, before `forward` or in it. */
function archiveOf(code: string): Uint8Array {
  const entries = readEntries(readFileSync(fixturePath('arguments/needed-state.pt'))).map(({ name, content }) => {
    if (!name.endsWith('.py')) return { name, content }
    const before = new TextDecoder().decode(content).replace(/ {2}def forward[\s\S]*$/, '')
    return { name, content: Buffer.from(code.startsWith('import') ? code : before + code) }
  })
  return writeZip(entries)
}

const model = (code: string): Artifact => artifactOf(fileOf('model.pt', () => archiveOf(code)))

const forward = (...lines: string[]): string =>
  `  def forward(self: __torch__.NeededState,\n    x: Tensor) -> Tensor:\n${lines.map((line) => `    ${line}\n`).join('')}`

/** Declares what a TorchScript file may do without trust, for one libtorch. */
export function untrustedFiles(root: string): void {
  const create = (artifact: Artifact, options: LibtorchOptions = {}): Promise<LibtorchSession> =>
    libtorch({ libtorch: root, threads: 1, ...options }).createSession({ artifact })

  test.each([
    ['plainly', forward(`y = ${FROM_FILE}`, 'return torch.add(x, y)'), 'aten::from_file', 8],
    ['under another name', forward('t = torch', `y = t.from_file("${target}", True, 2)`, 'return torch.add(x, y)')],
    ['by its full name', forward(`y = ops.aten.from_file("${target}", True, 2)`, 'return torch.add(x, y)')],
    ['in a branch', forward(`if torch.gt(torch.numel(x), 7):`, `  y = ${FROM_FILE}`, 'else:', '  y = x', 'return y')],
    [
      'on another thread',
      forward('f = fork(self.g, x)', 'return torch.wait(f)').concat(
        `  def g(self: __torch__.NeededState,\n    x: Tensor) -> Tensor:\n    return torch.add(x, ${FROM_FILE})\n`,
      ),
    ],
    [
      'in a method that forward does not call',
      forward('return x').concat(
        `  def g(self: __torch__.NeededState,\n    x: Tensor) -> Tensor:\n    return torch.add(x, ${FROM_FILE})\n`,
      ),
    ],
    ['torch.save', forward(`torch.save(x, "${target}")`, 'return x'), 'aten::save'],
    ['the seed of the whole process', forward('torch.manual_seed(3)', 'return x'), 'aten::manual_seed'],
    ['an operator of a profiler', forward('y = ops.profiler._record_function_enter("a")', 'return torch.add(x, y)')],
  ])('%s: refused by its name and line, and nothing happens', async (_, code, name?: string, line?: number) => {
    const error = await rejection(() => create(model(code)), 'UNTRUSTED_CODE')
    const uses = error.details.uses as { name: string; file: string; line: number; text: string }[]
    expect(uses).toHaveLength(1)
    const [use] = uses
    expect(use!.file).toBe('code/__torch__.py')
    expect(code.split('\n').map((text) => text.trim())).toContain(use!.text)
    if (name) expect(use!.name).toBe(name)
    if (line) expect(use!.line).toBe(line)
    expect(error.message).toContain(`model.pt uses ${use!.name} (code/__torch__.py, line ${use!.line}: ${use!.text})`)
    expect(error.message).toMatch(
      /when you know where the file is from, pass trust: 'native-code', or trust: \{ sha256 \}/,
    )
    expect(existsSync(target)).toBe(false)
  })

  test('trust lets it run, by the word or by its sha256 alone', async () => {
    const code = forward(`y = ${FROM_FILE}`, 'return torch.add(x, y)')
    const sha256 = createHash('sha256').update(archiveOf(code)).digest('hex')
    await rejection(() => create(model(code), { trust: { sha256: '0'.repeat(64) } }), 'UNTRUSTED_CODE')
    expect(existsSync(target)).toBe(false)
    for (const trust of ['native-code', { sha256: [sha256] }] as const) {
      const session = await create(model(code), { trust })
      expect(await session.run({ x: tensor('float32', [1, 2]) })).toEqual({ output0: tensor('float32', [1, 2]) })
      await session.dispose()
    }
    expect(readFileSync(target)).toHaveLength(8)
  })

  test('what would run at load does not', async () => {
    const artifact = artifactOf(
      fileOf('writes-at-load.pt', () => readFileSync(fixturePath('untrusted/writes-at-load.pt'))),
    )
    const error = await rejection(() => create(artifact), 'UNTRUSTED_CODE')
    expect(error.message).toMatch(
      /aten::from_file \(code\/__torch__\/make_fixtures\.py, line \d+: _0 = torch\.from_file\(/,
    )
    expect(existsSync('written-at-load')).toBe(false)
  })

  test('another sha256 than a file needs is no reason to refuse one that needs none', async () => {
    const session = await create(onDisk('mlp-10-10.pt'), { trust: { sha256: '0'.repeat(64) } })
    await session.dispose()
  })

  test('quantized weights need no trust', async () => {
    const session = await create(onDisk('untrusted/quantized.pt'))
    const [result] = Object.values(await session.run({ input: tensor('float32', [0, 0, 0], [1, 3]) }))
    expect(result!.shape).toEqual([1, 2])
    await session.dispose()
  })
}
