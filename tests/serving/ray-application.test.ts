// The application that `deploy ray` writes, on a real Ray: two replicas behind Ray's proxy, one of them killed.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { ROOT } from '../workspace.ts'
import { PROGRAM, type Running, startProgram } from './processes.ts'
import { peerProgram } from './python-venv.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const START_MS = 240_000

/** Process ids of the servers that serve from a folder. */
async function serversOf(folder: string): Promise<readonly number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const words = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (words.includes('serve') && words.some((word) => word.includes(`${folder}/models/`))) found.push(Number(name))
  }
  return found
}

async function until<T>(what: string, running: Running, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + START_MS
  while (Date.now() < end) {
    const found = await look()
    if (found !== undefined) return found
    if (running.child.exitCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(
    `${what}: it did not come\n${running.output.stdout.slice(-3000)}${running.output.stderr.slice(-5000)}`,
  )
}

const body = (number: number): string => {
  const data = Array.from({ length: 64 }, (_, pixel) => (pixel === number % 64 ? 3 : 0))
  return JSON.stringify({
    id: String(number),
    inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data }],
  })
}

test.skipIf(process.platform !== 'linux')(
  'two replicas behind Ray’s proxy',
  async () => {
    const serve = await peerProgram('ray', 'serve')
    // Short: Ray keeps Unix sockets below its folder.
    const folder = await mkdtemp(join(tmpdir(), 'tf-ray-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    const options = ['--out', folder, '--replicas', '2', '--max-replicas', '2', '--cpus', '1']
    const written = startProgram(process.execPath, [PROGRAM, 'deploy', 'ray', DIGITS, ...options])
    expect(await written.ended).toEqual({ code: 0, signal: null })
    const port = await freePort()
    const config = join(folder, 'serve-config.yaml')
    const text = await readFile(config, 'utf8')
    await writeFile(config, text.replace('port: 8000', `port: ${port}`).replace('0.0.0.0', '127.0.0.1'))

    const ray = startProgram(serve, ['run', 'serve-config.yaml'], {
      cwd: folder,
      env: {
        TENSORFERRY_PROGRAM: JSON.stringify([process.execPath, PROGRAM]),
        RAY_TMPDIR: join(folder, 'r'),
        RAY_USAGE_STATS_ENABLED: '0',
        PYTHONPATH: '',
      },
    })
    const url = `http://127.0.0.1:${port}`
    await until('ready', ray, async () => {
      const isReady = await fetch(`${url}/v2/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
      return isReady && (await serversOf(folder)).length === 2 ? true : undefined
    })

    // The protocol passes through as it is: answers, errors, binary tensors.
    const metadata = (await (await fetch(`${url}/v2/models/digits`)).json()) as {
      name: string
      inputs: readonly { name: string }[]
    }
    expect(metadata).toMatchObject({ name: 'digits', inputs: [{ name: 'image' }] })
    const answers = await Promise.all(
      Array.from({ length: 128 }, async (_, number) => {
        const response = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: body(number) })
        expect(response.status).toBe(200)
        return (await response.json()) as {
          id: string
          outputs: readonly { data: readonly number[]; shape: readonly number[] }[]
        }
      }),
    )
    for (const [number, { id, outputs }] of answers.entries()) {
      expect(id).toBe(String(number))
      expect(outputs[0]!.shape).toEqual([1, 10])
      // The same picture again, perhaps from the other replica and in another batch.
      const twin = answers[(number + 64) % 128]!.outputs[0]!.data
      for (const [index, value] of outputs[0]!.data.entries()) expect(Math.abs(value - twin[index]!)).toBeLessThan(1e-4)
    }
    const header = JSON.stringify({
      inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], parameters: { binary_data_size: 256 } }],
      parameters: { binary_data_output: true },
    })
    const pixels = new Uint8Array(new Float32Array(64).fill(0).with(5, 3).buffer)
    const binary = await fetch(`${url}/v2/models/digits/infer`, {
      method: 'POST',
      headers: { 'Inference-Header-Content-Length': String(header.length), 'Content-Type': 'application/octet-stream' },
      body: Buffer.concat([Buffer.from(header), pixels]),
    })
    expect(binary.status).toBe(200)
    const bytes = new Uint8Array(await binary.arrayBuffer())
    const start = Number(binary.headers.get('inference-header-content-length'))
    const row = new Float32Array(bytes.slice(start).buffer)
    for (const [index, value] of row.entries())
      expect(Math.abs(value - answers[5]!.outputs[0]!.data[index]!)).toBeLessThan(1e-4)
    const wrong = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: '{"inputs":[]}' })
    expect(wrong.status).toBe(400)
    expect(await wrong.json()).toMatchObject({ error: expect.stringContaining('image') })
    expect((await fetch(`${url}/v2/models/unknown`)).status).toBe(404)

    // A picture as a person sends it.
    const picture = await readFile(join(ROOT, 'examples/digits/samples/7.png'))
    const labels = await fetch(`${url}/predict/digits`, { method: 'POST', body: picture })
    expect(labels.status).toBe(200)
    expect(/"label":"(\d)"/.exec(await labels.text())?.[1]).toBe('7')

    // One server dies: the other one answers, and Ray starts a third.
    const before = await serversOf(folder)
    process.kill(before[0]!, 'SIGKILL')
    const after = await until('a new replica', ray, async () => {
      const now = await serversOf(folder)
      return now.length === 2 && !now.includes(before[0]!) ? now : undefined
    })
    expect(after).toContain(before[1])
    await until('an answer', ray, async () => {
      const statuses = await Promise.all(
        Array.from({ length: 16 }, async (_, number) =>
          fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: body(number) }).then(
            ({ status }) => status,
            () => 0,
          ),
        ),
      )
      return statuses.every((status) => status === 200) ? true : undefined
    })

    // Ray ends, and leaves no server behind.
    ray.child.kill('SIGINT')
    await ray.ended
    await expect.poll(() => serversOf(folder), { timeout: 60_000, interval: 200 }).toEqual([])
  },
  600_000,
)
