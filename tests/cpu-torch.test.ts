// The set-up of the repository's Python takes PyTorch's build for the CPU where its index can be reached, and says so.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeZip } from '../packages/backend-libtorch/test/programs/mutate.mjs'
import { describeTorch, installCpuTorch, pinnedTorch, torchOf } from '../scripts/cpu-torch.mjs'
import { ROOT } from './workspace.ts'

const own = join(ROOT, '.venv/bin/python')
const python = process.env.TENSORFERRY_PYTHON ?? (existsSync(own) ? own : 'python3')
const withPython = test.skipIf(spawnSync(python, ['-m', 'pip', '--version']).status !== 0)
const folder = mkdtempSync(join(tmpdir(), 'cpu-torch-'))
const WHEEL = 'torch-9.9.9+cpu-py3-none-any.whl'
const before = { ...process.env }
let server: Server
let index: string

const version = (name: string, cuda: string): Buffer =>
  Buffer.from(`from typing import Optional\n__version__ = '${name}'\ncuda: Optional[str] = ${cuda}\n`)

/** A package of this name and version that holds next to nothing. */
function wheel(): Buffer {
  const info = 'torch-9.9.9+cpu.dist-info'
  const texts = {
    'torch/__init__.py': '',
    'torch/version.py': version('9.9.9+cpu', 'None').toString(),
    [`${info}/METADATA`]:
      'Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9+cpu\nRequires-Dist: nothing-of-this-name\n',
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
  }
  return writeZip(Object.entries(texts).map(([name, text]) => ({ name, content: Buffer.from(text) })))
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const isWheel = request.url?.endsWith('.whl')
    response.setHeader('content-type', isWheel ? 'application/octet-stream' : 'text/html')
    response.end(isWheel ? wheel() : `<a href="/${WHEEL.replace('+', '%2B')}">${WHEEL}</a>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`
  // What this machine's pip is set to would answer in the index's place.
  for (const name of Object.keys(process.env)) if (name.startsWith('PIP_')) delete process.env[name]
  process.env.PIP_CONFIG_FILE = devNull
})
afterAll(() => {
  Object.assign(process.env, before)
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

withPython('the build for the CPU is taken from its index, alone', async () => {
  const target = join(folder, 'installed')
  expect(await installCpuTorch(python, '9.9.9', { index, more: ['--target', target] })).toBeNull()
  process.env.PYTHONPATH = target
  const torch = torchOf(python)
  delete process.env.PYTHONPATH
  expect(torch).toEqual({ version: '9.9.9+cpu', cuda: null })
  expect(describeTorch(torch, null)).toBe('PyTorch 9.9.9+cpu, a build without CUDA')
})

withPython.each([
  ['an index that cannot be reached', () => 'http://127.0.0.1:1/simple', '9.9.9'],
  ['an index without that version', () => index, '9.9.8'],
])('%s: the usual build stays, and the line says why', async (_, from, wanted) => {
  const reason = await installCpuTorch(python, wanted, { index: from(), more: ['--target', join(folder, 'none')] })
  expect(reason).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/simple cannot be reached, or has none for this Python$/)
  const cuda = join(folder, 'cuda', 'torch')
  mkdirSync(cuda, { recursive: true })
  writeFileSync(join(cuda, '__init__.py'), '')
  writeFileSync(join(cuda, 'version.py'), version('9.9.9+cu130', "'13.0'"))
  process.env.PYTHONPATH = join(folder, 'cuda')
  const torch = torchOf(python)
  delete process.env.PYTHONPATH
  expect(describeTorch(torch, reason)).toBe(
    `PyTorch 9.9.9+cu130, a build for CUDA 13.0; the build for the CPU could not be had: ${reason}`,
  )
})

test('the version is the one that the requirements pin', () => {
  expect(pinnedTorch(join(ROOT, 'packages/exporter/requirements.txt'))).toMatch(/^\d+\.\d+\.\d+$/)
})
