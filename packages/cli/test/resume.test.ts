// A thousand pictures, programs that are stopped half-way, and what they leave.
import { copyFile, mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerOf, changeManifest, copyBundle, ROOT, SAMPLES, start, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')

/** Pictures `0000.png` and so on, the digits in turn. */
async function pictures(amount: number): Promise<string> {
  const cwd = await temporaryFolder()
  await mkdir(join(cwd, 'in'))
  const names = Array.from({ length: amount }, (_, index) => index)
  await Promise.all(
    names.map((index) =>
      copyFile(join(SAMPLES, `${index % 10}.png`), join(cwd, 'in', `${String(index).padStart(4, '0')}.png`)),
    ),
  )
  return cwd
}

const visible = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith('.')).sort()

async function labels(folder: string): Promise<readonly string[]> {
  const texts = (await visible(folder)).map((name) => readFile(join(folder, name), 'utf8'))
  return (await Promise.all(texts)).map((text) => JSON.parse(text)[0].label)
}

/** Starts the program and stops it when it has written as many results; fails when it ends before. */
async function stopAfter(cwd: string, amount: number, signal: NodeJS.Signals) {
  const { child, ended } = start(['run', DIGITS, 'in', '--out', 'out'], { cwd })
  let hasEnded = false
  const end = ended.finally(() => {
    hasEnded = true
  })
  while (!hasEnded && (await visible(join(cwd, 'out'))).length < amount) await new Promise(setImmediate)
  child.kill(signal)
  return end
}

test('a thousand pictures, killed, interrupted and completed: each once, each whole', async () => {
  const cwd = await pictures(1000)
  const out = join(cwd, 'out')

  const killed = await stopAfter(cwd, 50, 'SIGKILL')
  expect(killed.signal).toBe('SIGKILL')
  const first = (await visible(out)).length
  expect(first).toBeGreaterThanOrEqual(50)
  expect(first).toBeLessThan(1000)

  const interrupted = await stopAfter(cwd, first + 50, 'SIGINT')
  expect(interrupted.code).toBe(130)
  expect(interrupted.stderr).toMatch(/^\d+ of 1000 are there already/)
  expect(interrupted.stderr).toMatch(/interrupted, \d+ left: run it again to go on/)
  const second = await visible(out)
  expect(second.length).toBeGreaterThanOrEqual(first + 50)
  expect((await readdir(out)).filter((name) => name.endsWith('.part'))).toEqual([])

  const before = new Map(
    await Promise.all(second.map(async (name) => [name, (await stat(join(out, name))).mtimeMs] as const)),
  )
  const { code, answer } = await answerOf(['run', DIGITS, 'in', '--out', 'out'], { cwd })
  expect(code).toBe(0)
  const skipped = answer.results.filter(({ status }: { status: string }) => status === 'skipped')
  // The last result before the kill may have been renamed and not yet listed: then it is made again.
  expect(skipped.length).toBeGreaterThanOrEqual(second.length - 4)
  for (const { written } of skipped) expect((await stat(join(out, written[0]))).mtimeMs).toBe(before.get(written[0]))
  expect(await labels(out)).toEqual(Array.from({ length: 1000 }, (_, index) => String(index % 10)))

  const again = await tensorferry(['run', DIGITS, 'in', '--out', 'out'], { cwd })
  expect(again.code).toBe(0)
  expect(again.stderr).toContain('0 files done, 1000 were there already')
})

test('a result is made again when its input, its model or itself has changed', async () => {
  const cwd = await pictures(4)
  const bundle = await copyBundle('digits')
  const out = join(cwd, 'out')
  const made = async (...args: string[]): Promise<readonly string[]> => {
    const { answer } = await answerOf(['run', bundle, 'in', '--out', 'out', ...args], { cwd })
    const done = answer.results.filter(({ status }: { status: string }) => status === 'done')
    return done.map(({ written }: { written: string[] }) => written[0])
  }
  const all = ['0000.json', '0001.json', '0002.json', '0003.json']
  expect(await made()).toEqual(all)
  expect(await made()).toEqual([])

  await copyFile(join(SAMPLES, '9.png'), join(cwd, 'in/0002.png'))
  await utimes(join(cwd, 'in/0002.png'), 1, 1)
  expect(await made()).toEqual(['0002.json'])
  expect(await labels(out)).toEqual(['0', '1', '9', '3'])

  await truncate(join(out, '0001.json'), 10)
  await rm(join(out, '0003.json'))
  expect(await made()).toEqual(['0001.json', '0003.json'])

  await changeManifest(bundle, (manifest) => {
    manifest.version = '1.0.1'
  })
  expect(await made()).toEqual(all)
  expect(await made('--again')).toEqual(all)
})

test('half files and half lines that a crash left do not count', async () => {
  const cwd = await pictures(2)
  const out = join(cwd, 'out')
  const args = ['run', DIGITS, 'in', '--out', 'out']
  expect((await tensorferry(args, { cwd })).code).toBe(0)
  const list = join(out, '.tensorferry-run.jsonl')
  const lines = await readFile(list, 'utf8')
  const [first] = lines.split('\n')
  await writeFile(list, `${first}\n${lines.slice(first!.length + 1, -20)}`)
  // No process has this number.
  await writeFile(join(out, '.0001.json.4194305.part'), 'half')
  const { answer } = await answerOf(args, { cwd })
  expect(answer.results.map(({ status }: { status: string }) => status).sort()).toEqual(['done', 'skipped'])
  expect((await readdir(out)).sort()).toEqual(['.tensorferry-run.jsonl', '0000.json', '0001.json'])
  expect((await answerOf(args, { cwd })).answer.results.map(({ status }: { status: string }) => status)).toEqual([
    'skipped',
    'skipped',
  ])
})

test('the list holds no path of this machine', async () => {
  const cwd = await pictures(1)
  await tensorferry(['run', DIGITS, 'in', '--out', 'out'], { cwd })
  expect(JSON.parse(await readFile(join(cwd, 'out/.tensorferry-run.jsonl'), 'utf8')).input).toBe(
    join('..', 'in', '0000.png'),
  )
})
