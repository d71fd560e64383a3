// The published weights, exported here: PyTorch's numbers on both backends, sentence-transformers' embeddings, tokenizers' ids.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { libtorch } from '@tensorferry/backend-libtorch'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type Backend, bundle, loadModel, type Model } from '@tensorferry/core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type {} from '../../packages/backend-libtorch/test/set-up.ts'
import { runExample } from '../run-example.ts'
import { embed, encode, loadTokenizer, type MiniLm, similarity } from './embed.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const runFile = promisify(execFile)

const found = inject('environment').libtorch
const root = 'root' in found ? found.root : ''
// site-packages/torch is four folders under the environment.
const python = process.env.TENSORFERRY_PYTHON ?? (root ? join(root, '../../../../bin/python') : 'python3')
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PYTHONPATH: here('../../packages/exporter/src'),
  LIBTORCH: root,
}

interface Sentence {
  readonly text: string
  readonly ids: readonly number[]
  readonly embedding: string
}
const readReference = async (name: string) => JSON.parse(await readFile(here(`./reference/${name}`), 'utf8'))
const sentences: readonly Sentence[] = (await readReference('sentences.json')).sentences
const ids = sentences.map((sentence) => sentence.ids)
/** sentence-transformers', which ran each sentence alone. */
const expected = sentences.map(
  ({ embedding }) => new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer),
)

/** Why the weights are not here, or an empty text. */
const missing: string = await runFile(python, [here('./weights.py')], { env: environment }).then(
  () => '',
  ({ stderr, message }) => stderr.trim() || message,
)
const BACKENDS: Readonly<Record<string, () => Backend>> = {
  'onnx-node': () => onnxNode(),
  ...(root ? { libtorch: () => libtorch({ libtorch: root }) } : {}),
}

/** Largest difference of any element. */
function furthest(got: readonly Float32Array[], wanted: readonly Float32Array[]): number {
  expect(got.length).toBe(wanted.length)
  return Math.max(...got.flatMap((row, index) => [...row].map((value, at) => Math.abs(value - wanted[index]![at]!))))
}

test('the weights are fetched', ({ skip }) => {
  if (missing && process.env.CI === 'true') throw new Error(missing)
  skip(missing !== '', missing)
})

describe.skipIf(missing)('all-MiniLM-L6-v2', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tensorferry-minilm-'))
    await runFile(python, [here('./export.py'), '--out', folder], { env: environment })
  }, 600_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('tensorferry verify: within 1e-5 of PyTorch on every golden', async () => {
    const program = here('../../packages/cli/dist/main.js')
    const backends = Object.keys(BACKENDS).flatMap((name) => ['--backend', name])
    const { TENSORFERRY_BACKEND: _, ...env } = environment
    const { stdout } = await runFile(process.execPath, [program, 'verify', folder, ...backends, '--json'], {
      env,
      cwd: here('..'),
    })
    const answer = JSON.parse(stdout)
    expect(answer).toMatchObject({ passed: true, failures: [] })
    expect(answer.backends.map(({ name }: { name: string }) => name)).toEqual(Object.keys(BACKENDS))
    for (const { name, status, cases } of answer.backends) {
      const errors = cases.flatMap(({ compared }: { compared: { maxAbs: number }[] }) =>
        compared.map((one) => one.maxAbs),
      )
      expect([name, status, errors.length]).toEqual([name, 'passed', 4])
      expect(Math.max(...errors), name).toBeLessThan(1e-5)
    }
  })

  describe.each(Object.entries(BACKENDS))('on %s', (_, backend) => {
    let model: Model<MiniLm>
    let alone: readonly Float32Array[]

    beforeAll(async () => {
      model = await loadModel(bundle<MiniLm>(folder), { backend: backend(), verify: 'off' })
      alone = (await Promise.all(ids.map((row) => embed(model, [row])))).flat()
    }, 120_000)
    afterAll(() => model?.dispose())

    test('embeddings are sentence-transformers’', () => {
      expect(furthest(alone, expected)).toBeLessThan(1e-5)
    })

    test('each sentence is nearest to the one that means the same', () => {
      const pairs = alone.slice(0, 8)
      const nearest = pairs.map((one, at) => {
        const scores = pairs.map((other, index) => (index === at ? -1 : similarity(one, other)))
        return scores.indexOf(Math.max(...scores))
      })
      expect(nearest).toEqual([1, 0, 3, 2, 5, 4, 7, 6])
    })

    test('a sentence has one embedding: in batches of 1 to 8 of unlike lengths, and with more padding', async () => {
      const batches = Array.from({ length: 8 }, (_, index) => ids.slice(0, index + 1))
      for (const rows of [...batches, [ids[0]!, ids[9]!]]) {
        const wanted = rows.map((row) => alone[ids.indexOf(row)]!)
        expect(furthest(await embed(model, rows), wanted), `batch of ${rows.length}`).toBeLessThan(1e-5)
      }
      for (const length of [ids[0]!.length + 1, 64, 512]) {
        expect(furthest(await embed(model, [ids[0]!], length), [alone[0]!]), `length ${length}`).toBeLessThan(1e-5)
      }
    })

    test('a row without a token is zeros, and leaves its neighbours alone', async () => {
      const [empty, row] = await embed(model, [[], ids[0]!])
      expect([...empty!].every((value) => value === 0)).toBe(true)
      expect(furthest([row!], [alone[0]!])).toBeLessThan(1e-5)
    })

    test('more tokens than it has positions for are refused', async () => {
      await expect(embed(model, [ids[0]!], 513)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    })
  })

  test('the tokenizer gives the ids of the one in Python', async () => {
    const tokenizer = await loadTokenizer(folder)
    const texts: readonly Sentence[] = (await readReference('tokens.json')).texts
    expect(texts.length).toBe(200)
    const got = texts.map(({ text }) => encode(tokenizer, text))
    const differ = texts.filter((one, index) => String(got[index]) !== String(one.ids))
    expect(differ.map(({ text }) => text)).toEqual([])
  })

  test('a text of more than 256 tokens is cut, and ends as it should', async () => {
    const tokenizer = await loadTokenizer(folder)
    const cut = encode(tokenizer, 'word '.repeat(300))
    expect([cut.length, cut[0], cut[254], cut[255]]).toEqual([256, 101, 2773, 102])
  })

  test('the example finds what says the same', async () => {
    const { code, stdout, stderr } = await runExample('minilm', ['--bundle', folder])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/A man is playing a guitar\.\n {2}0\.\d+ {2}Someone strums an acoustic guitar\.\n/)
  })
})

test('the example says how to make a bundle that is not there', async () => {
  const { code, stderr } = await runExample('minilm', ['--bundle', 'nowhere'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/no bundle in .*nowhere; python examples\/minilm\/export\.py writes one/)
})
