import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { decodeImage, loadModel, type RawImage } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { answerOf, ROOT, SAMPLES, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const SUPER_RESOLUTION = join(ROOT, 'examples/bundles/super-resolution-x3')
const PHOTO = join(SUPER_RESOLUTION, 'photo.png')
const MODELS = join(ROOT, 'packages/backend-onnx-node/test/fixtures')

const sample = (digit: number): string => join(SAMPLES, `${digit}.png`)

describe('labels', () => {
  test('a table with the best label first', async () => {
    const { code, stdout, stderr } = await tensorferry(['run', DIGITS, sample(3), sample(7)], { cwd: SAMPLES })
    expect({ code, stderr: stderr.split('(')[0] }).toEqual({ code: 0, stderr: '2 files done ' })
    const [headings, ...rows] = stdout.trimEnd().split('\n')
    expect(headings).toMatch(/^file +label +score +2\. +score +3\. +score$/)
    expect(rows.map((row) => row.split(/ +/).slice(0, 2))).toEqual([
      ['3.png', '3'],
      ['7.png', '7'],
    ])
  })

  test('--json has the scores that the library gives', async () => {
    await using model = await loadModel(DIGITS, { backend: onnxNode() })
    const expected = await model.predict(await readFile(sample(3)))
    const { code, answer } = await answerOf(['run', DIGITS, sample(3)])
    expect(code).toBe(0)
    expect(answer).toMatchObject({ bundle: { name: 'digits' }, backend: 'onnx-node' })
    expect(answer.results[0].result).toEqual(expected)
  })

  test('a folder, a pattern and standard input', async () => {
    const labels = (answer: { results: { result: { label: string }[] }[] }) =>
      answer.results.map(({ result }) => result[0]!.label)
    const all = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    expect(labels((await answerOf(['run', DIGITS, SAMPLES])).answer)).toEqual(all)
    expect(labels((await answerOf(['run', DIGITS, '[1-3].png'], { cwd: SAMPLES })).answer)).toEqual(['1', '2', '3'])
    const piped = await answerOf(['run', DIGITS, '-'], { input: await readFile(sample(5)) })
    expect(labels(piped.answer)).toEqual(['5'])
    expect(piped.answer.results[0].file).toBe('-')
  })
})

test('labels of a text: one row, and each of several', async () => {
  const cwd = await temporaryFolder()
  const one = { input_ids: [[1, 2, 3]], attention_mask: [[1, 1, 0]] }
  const other = { input_ids: [[4, 5, 6]], attention_mask: [[1, 1, 1]] }
  const both = {
    input_ids: [...one.input_ids, ...other.input_ids],
    attention_mask: [...one.attention_mask, ...other.attention_mask],
  }
  for (const [name, value] of Object.entries({ one, other, both })) {
    await writeFile(join(cwd, `${name}.json`), JSON.stringify(value))
  }
  const SENTIMENT = join(ROOT, 'packages/core/test/fixtures/bundles/sentiment')
  const { code, answer } = await answerOf(['run', SENTIMENT, 'one.json', 'other.json', 'both.json'], { cwd })
  expect(code).toBe(0)
  const results = Object.fromEntries(
    (answer.results as { file: string; result: { label: string; score: number }[] }[]).map((entry) => [
      entry.file,
      entry.result,
    ]),
  )
  expect(results['one.json']!.map(({ label }) => label).sort()).toEqual(['bad', 'fair', 'good'])
  expect(results['one.json']!.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 6)
  expect(results['both.json']).toEqual({ 'row 0': results['one.json'], 'row 1': results['other.json'] })
})

describe('pictures', () => {
  test('--out writes the PNG that the library gives', async () => {
    const cwd = await temporaryFolder()
    const { code, stdout } = await tensorferry(['run', SUPER_RESOLUTION, PHOTO, '--out', 'larger'], { cwd })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    await using model = await loadModel(SUPER_RESOLUTION, { backend: onnxNode() })
    const expected = (await model.predict(await readFile(PHOTO))) as RawImage
    const written = await decodeImage(await readFile(join(cwd, 'larger/photo.png')))
    expect({ ...written, data: Buffer.compare(written.data, expected.data) }).toEqual({ ...expected, data: 0 })
  })

  test('one input to a file by its suffix, or to standard output', async () => {
    const cwd = await temporaryFolder()
    expect((await tensorferry(['run', SUPER_RESOLUTION, PHOTO, '-o', 'big.jpg'], { cwd })).code).toBe(0)
    expect([...(await readFile(join(cwd, 'big.jpg'))).subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff])
    const piped = await tensorferry(['run', SUPER_RESOLUTION, PHOTO, '-o', '-'], { cwd })
    expect(piped.stdout.slice(1, 4)).toBe('PNG')
    const two = await answerOf(['run', SUPER_RESOLUTION, PHOTO, sample(1), '-o', 'big.png'], { cwd })
    expect(two.code).toBe(2)
    expect(two.answer.error.message).toContain('a file holds one result, there are 2 inputs')
  })

  test('names that would fall together keep their suffix, folders stay folders', async () => {
    const cwd = await temporaryFolder()
    await mkdir(join(cwd, 'in/sub'), { recursive: true })
    for (const name of ['a.png', 'a.webp', 'sub/a.png', 'b.png']) await copyFile(sample(1), join(cwd, 'in', name))
    await writeFile(join(cwd, 'in/notes.txt'), 'not a picture')
    const { code } = await tensorferry(['run', DIGITS, 'in', '--out', 'in/out'], { cwd })
    expect(code).toBe(0)
    const results = ['a.png.json', 'a.webp.json', 'b.json', 'sub', 'sub/a.json']
    const found = async () =>
      (await readdir(join(cwd, 'in/out'), { recursive: true })).filter((name) => !name.startsWith('.')).sort()
    expect(await found()).toEqual(results)
    // What was written lies inside the folder that is read, and is no input.
    expect((await answerOf(['run', DIGITS, 'in', '--out', 'in/out'], { cwd })).answer.results).toHaveLength(4)
    expect(await found()).toEqual(results)
  })
})

describe('failures', () => {
  test('of some files: named at the end, the others done, exit code 1', async () => {
    const cwd = await temporaryFolder()
    await writeFile(join(cwd, 'broken.png'), (await readFile(PHOTO)).subarray(0, 1000))
    await writeFile(join(cwd, 'text.jpg'), 'not a picture')
    const { code, stdout, stderr } = await tensorferry(
      ['run', DIGITS, 'broken.png', 'text.jpg', 'missing.png', sample(4)],
      { cwd },
    )
    expect(code).toBe(1)
    expect(stdout).toMatch(/4\.png +4 /)
    expect(stderr).toMatch(/failed: broken\.png: INPUT_INVALID: /)
    expect(stderr).toMatch(/failed: text\.jpg: INPUT_INVALID: .*begin with text/)
    expect(stderr).toMatch(/failed: missing\.png: NOT_FOUND: no file /)
    expect(stderr).toContain('1 file done, 3 failed')
  })

  test('in JSON each has its code', async () => {
    const { code, answer } = await answerOf(['run', DIGITS, 'nowhere-*.png', sample(4)])
    expect(code).toBe(1)
    expect(answer.results).toMatchObject([
      { file: 'nowhere-*.png', status: 'failed', error: { code: 'NOT_FOUND' } },
      { status: 'done' },
    ])
  })

  test('a results folder that cannot be made ends the run', async () => {
    const cwd = await temporaryFolder()
    await writeFile(join(cwd, 'file'), '')
    const { code, stderr } = await tensorferry(['run', DIGITS, sample(1), '--out', 'file/out'], { cwd })
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringMatching(/ENOTDIR|EEXIST/) })
  })
})

describe('tensors', () => {
  test('a bare model takes JSON, nested or flat, and what it prints', async () => {
    const cwd = await temporaryFolder()
    const model = join(MODELS, 'identity-int64.onnx')
    const inspected = await answerOf(['inspect', model])
    const [input] = inspected.answer.signature.inputs
    expect(input.dtype).toBe('int64')
    const [output] = inspected.answer.signature.outputs
    const values = [['9007199254740993', 2]]
    await writeFile(join(cwd, 'nested.json'), JSON.stringify({ [input.name]: values }))
    await writeFile(
      join(cwd, 'flat.json'),
      JSON.stringify({ [input.name]: { dtype: 'int64', shape: [1, 2], data: values } }),
    )
    await writeFile(join(cwd, 'bare.json'), JSON.stringify(values))
    const { code, answer } = await answerOf(['run', model, 'nested.json', 'flat.json', 'bare.json'], { cwd })
    expect(code, JSON.stringify(answer)).toBe(0)
    for (const { result } of answer.results) {
      expect(result[output.name]).toEqual({ dtype: 'int64', shape: [1, 2], data: values })
    }
    const piped = await answerOf(['run', model, '-'], { cwd, input: JSON.stringify(values) })
    expect(piped.answer.results[0].result[output.name].data).toEqual(values)
  })

  test('a bundle takes its goldens’ tensors as JSON beside pictures', async () => {
    const cwd = await temporaryFolder()
    const zeros = Array.from({ length: 8 }, () => Array(8).fill(0))
    await writeFile(join(cwd, 'zeros.json'), JSON.stringify({ image: [[zeros]] }))
    await writeFile(join(cwd, 'wrong.json'), JSON.stringify({ picture: [[zeros]] }))
    const { code, answer } = await answerOf(['run', DIGITS, 'zeros.json', 'wrong.json'], { cwd })
    expect(code).toBe(1)
    expect(answer.results[0]).toMatchObject({ file: 'wrong.json', error: { code: 'INPUT_INVALID' } })
    expect(answer.results[1].result.logits.shape).toEqual([1, 10])
  })
})

describe('backends', () => {
  test('--backend, --threads and --provider reach the runtime', async () => {
    const { answer } = await answerOf([
      'run',
      DIGITS,
      sample(1),
      '-b',
      'onnx-node',
      '-t',
      '1',
      '-p',
      'cpu',
      '--backend-option',
      'execution=inline',
    ])
    expect(answer.runtime).toMatchObject({ name: 'onnxruntime-node', threads: 1, provider: 'cpu', execution: 'inline' })
  })

  test('the project’s config is used, and its options can be changed', async () => {
    const cwd = await temporaryFolder()
    const backend = join(ROOT, 'packages/backend-onnx-node/dist/index.js')
    await writeFile(
      join(cwd, 'tensorferry.config.json'),
      JSON.stringify({ backends: [[backend, { threads: 1, replicas: 2 }]] }),
    )
    expect((await answerOf(['run', DIGITS, sample(1)], { cwd })).answer.runtime).toMatchObject({
      threads: 1,
      replicas: 2,
    })
    expect((await answerOf(['run', DIGITS, sample(1), '-t', '2'], { cwd })).answer.runtime).toMatchObject({
      threads: 2,
      replicas: 2,
    })
  })

  test('of a list the next one is taken, and why the first was not is said', async () => {
    const cwd = await temporaryFolder()
    await writeFile(join(cwd, 'broken.mjs'), 'throw new Error("no library")')
    const names = ['-b', './broken.mjs', '-b', '@tensorferry/backend-nowhere', '-b', 'onnx-node']
    const { code, stdout, stderr } = await tensorferry(['run', DIGITS, sample(1), ...names], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/1\.png +1 /)
    expect(stderr).toMatch(/refused: \.\/broken\.mjs at resolve: BACKEND_UNAVAILABLE: .*no library/)
    expect(stderr).toMatch(
      /refused: @tensorferry\/backend-nowhere at resolve: BACKEND_NOT_INSTALLED: .*; onnx-node runs/,
    )
  })

  test.each([
    [
      ['-b', 'nosuch'],
      4,
      /backend "nosuch" is not installed; installed here: onnx-node; known: onnx-node, libtorch, onnx-web/,
    ],
    [
      ['-b', '@tensorferry/backend-nowhere'],
      4,
      /not installed; .*Tensorferry's own: npm install @tensorferry\/backend-onnx-node/,
    ],
    [['-p', 'nosuch'], 2, /provider: expected one of cpu, cuda/],
    [['--backend-option', 'threds=1'], 2, /unknown option 'threds', did you mean 'threads'/],
    [['--backend-option', 'threads'], 2, /--backend-option: expected key=value, got "threads"/],
    [['-t', '0'], 2, /Expected a whole number, at least 1/],
  ])('%j: exit code %i', async (args, expected, message) => {
    const { code, answer } = await answerOf(['run', DIGITS, sample(1), ...args])
    expect({ code, message: answer.error.message }).toEqual({ code: expected, message: expect.stringMatching(message) })
  })
})
