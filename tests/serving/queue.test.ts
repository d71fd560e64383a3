// `tensorferry run --queue` on a real Redis: workers are killed and added, files fail, whoever waits goes away.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { ROOT } from '../workspace.ts'
import { type Running, startProgram, startTensorferry } from './processes.ts'
import { requireProgram } from './require-program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const SAMPLES = join(ROOT, 'examples/digits/samples')

async function startRedis(skip: (reason: string) => void): Promise<string> {
  const program = requireProgram('redis-server', skip)
  const port = await freePort()
  const redis = startProgram(program, [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ])
  await redis.printed(/Ready to accept connections/)
  return `redis://127.0.0.1:${port}`
}

/** A folder with pictures `000.png` and so on, the digits in turn; gone after the test. */
async function pictures(amount: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-queue-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'in'))
  for (let index = 0; index < amount; index++) {
    await copyFile(join(SAMPLES, `${index % 10}.png`), join(folder, 'in', `${String(index).padStart(3, '0')}.png`))
  }
  return folder
}

const results = async (folder: string): Promise<readonly string[]> =>
  (await readdir(join(folder, 'out')).catch(() => [])).filter((name) => !name.startsWith('.')).sort()

async function startWorker(url: string): Promise<Running> {
  const worker = startTensorferry(['run', DIGITS, '--queue', url, '--worker', '--jobs', '2', '--threads', '1'])
  await worker.printed(/takes files from/)
  return worker
}

const produce = (folder: string, url: string, ...others: readonly string[]): Running =>
  startTensorferry(['run', DIGITS, 'in', ...others, '--out', 'out', '--queue', url, '--json'], { cwd: folder })

// biome-ignore lint/suspicious/noExplicitAny: the command's document
const answerOf = (run: Running): any => JSON.parse(run.output.stdout)

describe('a queue', () => {
  test('200 files, three workers, one killed in the middle, one added: each file once', async ({ skip }) => {
    const url = await startRedis(skip)
    const folder = await pictures(200)
    const [victim, ...others] = await Promise.all([startWorker(url), startWorker(url), startWorker(url)])
    const producer = produce(folder, url)
    while ((await results(folder)).length < 30) await setImmediate()
    // Stopped before it is killed: it holds files that it has taken and not finished.
    victim!.child.kill('SIGSTOP')
    victim!.child.kill('SIGKILL')
    const added = await startWorker(url)

    expect(await producer.ended).toEqual({ code: 0, signal: null })
    const { results: outcomes, left } = answerOf(producer)
    expect(left).toBe(0)
    const names = outcomes.map(({ file }: { file: string }) => file)
    expect(new Set(names).size).toBe(200)
    expect(names).toHaveLength(200)
    expect(new Set(outcomes.map(({ status }: { status: string }) => status))).toEqual(new Set(['done']))
    const files = await results(folder)
    expect(files).toHaveLength(200)
    for (const [index, name] of files.entries()) {
      const [best] = JSON.parse(await readFile(join(folder, 'out', name), 'utf8'))
      expect(best.label, name).toBe(String(index % 10))
    }
    const list = (await readFile(join(folder, 'out/.tensorferry-run.jsonl'), 'utf8')).trim().split('\n')
    expect(new Set(list.map((line) => JSON.parse(line).input)).size).toBe(200)
    expect(list).toHaveLength(200)

    // A worker that is told to end says what it did, and leaves nothing.
    for (const worker of [...others, added]) worker.child.kill('SIGTERM')
    for (const worker of [...others, added]) expect(await worker.ended).toEqual({ code: 0, signal: null })
    const done = [...others, added].map(({ output }) => Number(/^(\d+) files? done$/m.exec(output.stderr)![1]))
    // The victim's are those that it had told of.
    const byVictim = outcomes.filter(({ worker }: { worker: string }) =>
      worker.endsWith(`:${victim!.child.pid}`),
    ).length
    expect(byVictim + done.reduce((sum, one) => sum + one, 0)).toBe(200)
    expect(byVictim).toBeLessThan(200)
  })

  test('whoever waits may be killed: workers go on, and the next one fetches what is done', async ({ skip }) => {
    const url = await startRedis(skip)
    const folder = await pictures(60)
    const first = produce(folder, url)
    await first.printed(/60 files for digits 1\.0\.0 at redis:.* 0 workers: nothing is run until one is started/)
    first.child.kill('SIGINT')
    expect(await first.ended).toEqual({ code: 130, signal: null })
    expect(answerOf(first)).toMatchObject({ left: 60 })
    const worker = startTensorferry(['run', DIGITS, '--queue', url, '--worker', '--until-empty', '--json'])
    expect(await worker.ended).toEqual({ code: 0, signal: null })
    expect(answerOf(worker)).toMatchObject({ model: 'digits 1.0.0', done: 60, failed: 0 })
    const before = await Promise.all((await results(folder)).map((name) => stat(join(folder, 'out', name))))
    expect(before).toHaveLength(60)

    // No worker is there any more: all that is waited for has been done.
    const second = produce(folder, url)
    expect(await second.ended).toEqual({ code: 0, signal: null })
    expect(answerOf(second).results).toHaveLength(60)
    const after = await Promise.all((await results(folder)).map((name) => stat(join(folder, 'out', name))))
    expect(after.map(({ mtimeMs }) => mtimeMs)).toEqual(before.map(({ mtimeMs }) => mtimeMs))

    const third = produce(folder, url)
    expect(await third.ended).toEqual({ code: 0, signal: null })
    expect(new Set(answerOf(third).results.map(({ status }: { status: string }) => status))).toEqual(
      new Set(['skipped']),
    )
  })

  test('files that fail are listed, the others done, and tried again by the next run', async ({ skip }) => {
    const url = await startRedis(skip)
    const folder = await pictures(10)
    await writeFile(join(folder, 'in/broken.png'), 'no picture')
    await startWorker(url)
    const first = produce(folder, url, 'missing.png')
    expect(await first.ended).toEqual({ code: 1, signal: null })
    const failed = answerOf(first).results.filter(({ status }: { status: string }) => status === 'failed')
    expect(failed.map(({ file, error }: { file: string; error: { code: string } }) => [file, error.code])).toEqual([
      ['missing.png', 'NOT_FOUND'],
      ['in/broken.png', 'INPUT_INVALID'],
    ])
    expect(first.output.stderr).toMatch(/10 files done, 2 failed in out/)

    await copyFile(join(SAMPLES, '7.png'), join(folder, 'in/broken.png'))
    const second = produce(folder, url)
    expect(await second.ended).toEqual({ code: 0, signal: null })
    expect(second.output.stderr).toMatch(/10 of 11 are there already/)
    expect(JSON.parse(await readFile(join(folder, 'out/broken.json'), 'utf8'))[0].label).toBe('7')
  })
})

test.each([
  [
    ['x.png', '--out', 'out', '--queue', 'redis://me:secret@127.0.0.1:1'],
    5,
    /no Redis answers at redis:\/\/me@127\.0\.0\.1:1/,
  ],
  [['x.png', '--out', 'out', '--queue', 'http://127.0.0.1'], 2, /expected redis:\/\/HOST/],
  [['x.png', '--queue', 'redis://127.0.0.1:1'], 2, /--out has to name a folder/],
  [['-', '--out', 'out', '--queue', 'redis://127.0.0.1:1'], 2, /cannot read standard input/],
  [['x.png', '--worker', '--queue', 'redis://127.0.0.1:1'], 2, /takes its files from the queue/],
  [['--worker'], 2, /--worker needs --queue/],
] as const)('%j is refused', async (args, exitCode, message) => {
  const folder = await pictures(0)
  const run = startTensorferry(['run', DIGITS, ...args], { cwd: folder })
  expect(await run.ended).toEqual({ code: exitCode, signal: null })
  expect(run.output.stderr).toMatch(message)
  expect(run.output.stderr).not.toContain('secret')
})
