import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  changeFile,
  changeManifest,
  copyBundle,
  dataOffset,
  ROOT,
  temporaryFolder,
  tensorferry,
  vouchFor,
} from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const SUPER_RESOLUTION = join(ROOT, 'examples/bundles/super-resolution-x3')

describe('a good bundle', () => {
  test.each([DIGITS, SUPER_RESOLUTION])('%s passes, stage by stage', async (bundle) => {
    const { code, answer } = await answerOf(['verify', bundle])
    expect({ code, passed: answer.passed, failures: answer.failures }).toEqual({ code: 0, passed: true, failures: [] })
    const [onnxNode] = answer.backends
    expect(onnxNode).toMatchObject({ name: 'onnx-node', artifact: 'onnx', status: 'passed' })
    expect(onnxNode.runtime).toMatchObject({ name: 'onnxruntime-node', provider: 'cpu' })
    const withPicture = onnxNode.cases.filter((golden: { compared: { stage: string }[] }) =>
      golden.compared.some(({ stage }) => stage === 'result'),
    )
    expect(withPicture.length).toBeGreaterThan(0)
    for (const { compared } of withPicture) {
      const stages = new Set(compared.map(({ stage }: { stage: string }) => stage))
      expect([...stages].sort()).toEqual(['decoded', 'inputs', 'outputs', 'result'])
      for (const one of compared) if (['decoded', 'inputs'].includes(one.stage)) expect(one.maxAbs).toBe(0)
    }
  })

  test('the table names backend, provider, largest error, tolerance and time', async () => {
    const { code, stdout } = await tensorferry(['verify', DIGITS])
    expect(code).toBe(0)
    const [, , headings, row] = stdout.split('\n')
    expect(headings).toMatch(/backend +artifact +runtime +provider +cases +largest error +tolerance +time/)
    expect(row).toMatch(
      /onnx-node +onnx +onnxruntime-node 1\.\d+\.\d +cpu +4 +[\d.]+e-\d+ +2e-5 \+ 1e-4·\|x\| +[\d.]+ m?s +passed/,
    )
    expect(stdout).toContain('passed on 1 backend')
  })
})

describe('a golden altered by one value', () => {
  /** Adds 0.5 to element [3, 7] of the logits of case 5x1x8x8. */
  async function alteredBundle(): Promise<string> {
    const folder = await copyBundle('digits')
    await changeFile(folder, 'goldens.safetensors', (bytes) => {
      const at = dataOffset(bytes, '5x1x8x8/outputs.logits') + 4 * (3 * 10 + 7)
      bytes.writeFloatLE(bytes.readFloatLE(at) + 0.5, at)
    })
    return folder
  }

  test('fails and names case, stage and element', async () => {
    const folder = await alteredBundle()
    await vouchFor(folder, 'goldens.safetensors')
    const { code, answer } = await answerOf(['verify', folder])
    expect(code).toBe(1)
    expect(answer.failures).toHaveLength(1)
    expect(answer.failures[0]).toMatch(
      /onnx-node \(onnx\): case 5x1x8x8, stage outputs, output logits: 1 of 50 elements is off, the worst at \[3, 7\]: expected/,
    )
    const wrong = answer.backends[0].cases
      .flatMap((golden: { compared: object[] }) => golden.compared)
      .filter(({ passed }: { passed: boolean }) => !passed)
    expect(wrong).toHaveLength(1)
    expect(wrong[0]).toMatchObject({ stage: 'outputs', element: [3, 7], outside: 1 })
    expect(wrong[0].maxAbs).toBeCloseTo(0.5, 4)
  })

  test('fails so too where the manifest still lists the old hash, and names the file', async () => {
    const { code, answer } = await answerOf(['verify', await alteredBundle()])
    expect(code).toBe(1)
    expect(answer.failures).toEqual([
      expect.stringMatching(/^file goldens\.safetensors: expected sha256 [0-9a-f]{12}…, got [0-9a-f]{12}…$/),
      expect.stringMatching(/case 5x1x8x8, stage outputs.*\[3, 7\]/),
    ])
  })

  test('of a picture: the stage around the network', async () => {
    const folder = await copyBundle('super-resolution-x3')
    await changeFile(folder, 'goldens.safetensors', (bytes) => {
      bytes[dataOffset(bytes, 'photo/result') + (2 * 120 + 5) * 3 + 1]! ^= 1
    })
    await vouchFor(folder, 'goldens.safetensors')
    const { code, answer } = await answerOf(['verify', folder])
    expect(code).toBe(1)
    expect(answer.failures).toEqual([
      expect.stringMatching(/case photo, stage result, result: 1 of 32400 elements is off, the worst at \[2, 5, 1\]/),
    ])
  })
})

describe('one weight flipped', () => {
  /** Changes the sign of one weight in the middle of the file. */
  async function alteredBundle(): Promise<string> {
    const folder = await copyBundle('digits')
    await changeFile(folder, 'model.onnx', (bytes) => {
      bytes[60_003]! ^= 0x80
    })
    return folder
  }

  test.each([true, false])('fails and names case, stage and element (manifest rewritten: %s)', async (isVouchedFor) => {
    const folder = await alteredBundle()
    if (isVouchedFor) await vouchFor(folder, 'model.onnx')
    const { code, answer } = await answerOf(['verify', folder])
    expect(code).toBe(1)
    const aboutFiles = answer.failures.filter((line: string) => line.startsWith('file '))
    expect(aboutFiles).toEqual(isVouchedFor ? [] : [expect.stringContaining('file model.onnx: expected sha256')])
    expect(answer.failures).toContainEqual(
      expect.stringMatching(
        /case 8x8, stage outputs, output logits: \d+ of 10 elements are off, the worst at \[0, \d\]/,
      ),
    )
  })
})

describe('one parameter of a step changed', () => {
  test('before the network: the stage is inputs', async () => {
    const folder = await copyBundle('digits')
    await changeManifest(folder, ({ preprocess }) => {
      preprocess[0].steps[3].mean = [0.31]
    })
    const { code, answer } = await answerOf(['verify', folder])
    expect(code).toBe(1)
    expect(answer.failures).toEqual([
      expect.stringMatching(
        /case held-out, stage inputs, input image: 64 of 64 elements are off, the worst at \[0, 0, \d, \d\]/,
      ),
      expect.stringMatching(/case drawn, stage inputs, input image: .* they must be equal$/),
    ])
  })

  test('after it: the stage is result', async () => {
    const folder = await copyBundle('super-resolution-x3')
    await changeManifest(folder, ({ postprocess }) => {
      postprocess[0].steps[1].quantize = 'round'
    })
    const { code, answer } = await answerOf(['verify', folder])
    expect(code).toBe(1)
    expect(answer.failures).toEqual([
      expect.stringMatching(
        /case photo, stage result, result: \d+ of 32400 elements are off, the worst at \[\d+, \d+, \d\]/,
      ),
    ])
  })

  test('one that does not fit the network is named too', async () => {
    const folder = await copyBundle('digits')
    await changeManifest(folder, ({ preprocess }) => {
      preprocess[0].steps[1].size = [9, 9]
    })
    const { code, answer } = await answerOf(['verify', folder])
    expect(code).toBe(1)
    expect(answer.failures[0]).toMatch(
      /case held-out, stage inputs, input image: expected float32\[1, 1, 8, 8\], got float32\[1, 1, 9, 9\]/,
    )
  })
})

describe('several backends', () => {
  /** A backend that adds to one output, around the real one. */
  async function wrongBackend(folder: string): Promise<string> {
    const path = join(folder, 'wrong.mjs')
    const onnxNode = pathToFileURL(join(ROOT, 'packages/backend-onnx-node/dist/index.js'))
    await writeFile(
      path,
      `import { onnxNode } from '${onnxNode}'
export default function wrong() {
  const backend = onnxNode()
  return { ...backend, name: 'wrong', async createSession(...args) {
    const session = await backend.createSession(...args)
    const run = session.run.bind(session)
    session.run = async (...call) => {
      const outputs = await run(...call)
      outputs.logits.data[2] += 1
      return outputs
    }
    return session
  } }
}`,
    )
    return path
  }

  test('one that gives other numbers fails, the other one passes, one that cannot work says why', async () => {
    const cwd = await temporaryFolder()
    const absent = join(cwd, 'absent.mjs')
    await writeFile(
      absent,
      `export default () => ({ apiVersion: 1, name: 'absent', formats: ['onnx'],
  probe: async () => ({ available: false, code: 'BACKEND_UNAVAILABLE', reason: 'no driver', hint: 'install one' }),
  createSession: async () => { throw new Error('it is not available') } })`,
    )
    const names = ['onnx-node', await wrongBackend(cwd), absent]
    const { code, answer } = await answerOf(['verify', DIGITS, ...names.flatMap((name) => ['-b', name])], { cwd })
    expect(code).toBe(1)
    expect(answer.backends.map(({ status }: { status: string }) => status)).toEqual(['passed', 'failed', 'unusable'])
    expect(answer.failures.length).toBe(4)
    for (const line of answer.failures) expect(line).toMatch(/wrong \(onnx\): case .*, stage outputs.*\[0, 2\]/)
    expect(answer.backends[2].error.message).toBe('no driver; install one')
  })

  test('with none that works there is nothing to say: exit code 4', async () => {
    const cwd = await temporaryFolder()
    await writeFile(join(cwd, 'broken.mjs'), 'throw new TypeError("no library")')
    const { code, answer } = await answerOf(['verify', DIGITS, '-b', './broken.mjs'], { cwd })
    expect(code).toBe(4)
    expect(answer).toMatchObject({ passed: false, failures: [] })
    expect(answer.backends[0].error.message).toBe('./broken.mjs cannot be imported: no library')
  })
})

describe('the HTML report', () => {
  test('is one file with plots and pictures, and names what differs', async () => {
    const folder = await copyBundle('super-resolution-x3')
    await changeFile(folder, 'goldens.safetensors', (bytes) => {
      const at = dataOffset(bytes, '48x64/outputs.output') + 4 * 1234
      bytes.writeFloatLE(bytes.readFloatLE(at) + 0.01, at)
    })
    const report = join(folder, 'report.html')
    const { code } = await tensorferry(['verify', folder, '--html', report])
    expect(code).toBe(1)
    const html = await readFile(report, 'utf8')
    expect(html).toContain('Differs from PyTorch')
    expect(html).toMatch(
      /case 48x64, stage outputs, output output: 1 of 27648 elements is off, the worst at \[0, 0, 6, 82\]/,
    )
    expect(html.match(/<svg /g)!.length).toBeGreaterThanOrEqual(3)
    // Three pictures for each of the three outputs and the photo's three other stages.
    expect(html.match(/src="data:image\/png;base64,/g)).toHaveLength(18)
    expect(html).not.toMatch(/<script|<link|(src|href)="(?!data:)/)
  })

  test('text of a bundle does not become markup', async () => {
    const folder = await copyBundle('digits')
    await changeManifest(folder, (manifest) => {
      manifest.name = '<script>alert(1)</script>'
    })
    const report = join(folder, 'report.html')
    expect((await tensorferry(['verify', folder, '--html', report])).code).toBe(0)
    const html = await readFile(report, 'utf8')
    expect(html).toContain('&lt;script&gt;alert(1)')
    expect(html).not.toContain('<script')
  })
})

describe('what cannot be verified', () => {
  test('a bare model, a bundle without goldens, an unknown artifact', async () => {
    const bare = join(DIGITS, 'model.onnx')
    expect(await answerOf(['verify', bare])).toMatchObject({ code: 3, answer: { error: { code: 'BUNDLE_INVALID' } } })
    const folder = await copyBundle('digits')
    expect(await answerOf(['verify', folder, '--artifact', 'torch'])).toMatchObject({
      code: 2,
      answer: { error: { message: '--artifact: no artifact torch; there are: onnx, torchscript' } },
    })
    await changeManifest(folder, (manifest) => {
      manifest.goldens = null
    })
    expect(await answerOf(['verify', folder])).toMatchObject({ code: 3, answer: { error: { code: 'NOT_FOUND' } } })
  })
})
