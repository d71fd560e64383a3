import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { answerOf, temporaryFolder, tensorferry } from './program.ts'

const CONFIG = 'tensorferry.config.json'

async function project(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const cwd = await temporaryFolder()
  await writeFile(join(cwd, 'package.json'), '{ "name": "app", "private": true }')
  for (const [name, content] of Object.entries(files)) await writeFile(join(cwd, name), content)
  return cwd
}

test.each([
  ['package-lock.json', 'npm i @tensorferry/core@'],
  ['pnpm-lock.yaml', 'pnpm add @tensorferry/core@'],
  ['yarn.lock', 'yarn add @tensorferry/core@'],
  ['bun.lock', 'bun add @tensorferry/core@'],
])('with a %s the command begins with %j', async (lockfile, command) => {
  const cwd = await project({ [lockfile]: lockfile.endsWith('.json') ? '{}' : '' })
  const { code, answer } = await answerOf(['init', '--no-install'], { cwd })
  expect(code).toBe(0)
  expect(answer.command.startsWith(command), answer.command).toBe(true)
  expect(answer.command).toMatch(/@tensorferry\/backend-onnx-node@\d+\.\d+\.\d+ sharp$/)
  expect(JSON.parse(await readFile(join(cwd, CONFIG), 'utf8'))).toEqual({
    backends: ['@tensorferry/backend-onnx-node'],
    verify: 'smoke',
  })
})

test('backends and their options go into the config', async () => {
  const cwd = await project()
  const args = ['init', '--no-install', '-b', 'libtorch', '-b', 'onnx-node', '--threads', '2', '--verify', 'full']
  expect((await tensorferry(args, { cwd })).code).toBe(0)
  expect(JSON.parse(await readFile(join(cwd, CONFIG), 'utf8'))).toEqual({
    backends: [
      ['@tensorferry/backend-libtorch', { threads: 2 }],
      ['@tensorferry/backend-onnx-node', { threads: 2 }],
    ],
    verify: 'full',
  })
})

test('a config that is there stays without --force', async () => {
  const cwd = await project({ [CONFIG]: 'mine' })
  const refused = await answerOf(['init', '--no-install'], { cwd })
  expect(refused.code).toBe(2)
  expect(refused.answer.error.message).toContain('is there already; --force overwrites it')
  expect(await readFile(join(cwd, CONFIG), 'utf8')).toBe('mine')
  expect((await tensorferry(['init', '--no-install', '--force'], { cwd })).code).toBe(0)
  expect(JSON.parse(await readFile(join(cwd, CONFIG), 'utf8')).verify).toBe('smoke')
})

test('an install that fails writes nothing', async () => {
  const server = createServer((_, response) => response.writeHead(404).end('{}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  const cwd = await project({
    '.npmrc': `registry=http://127.0.0.1:${port}/\nfetch-retries=0\n`,
    'package-lock.json': '{}',
  })
  const env = { npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: join(cwd, '.cache') }
  const { code, answer } = await answerOf(['init'], { cwd, env })
  expect(code).toBe(5)
  expect(answer.error.message).toMatch(/^npm i @tensorferry\/core@.*: ended with exit code 1; nothing was written$/)
  await expect(stat(join(cwd, CONFIG))).rejects.toThrow('ENOENT')
})
