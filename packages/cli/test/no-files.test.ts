// What is no file where a file is expected: a pipe waits for somebody who writes, a device has no end.
import { execFileSync } from 'node:child_process'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT, SAMPLES, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const PICTURE = join(SAMPLES, '3.png')

/** A copy of the digits bundle with a pipe in place of one of its files, or beside them. */
async function withPipe(name: string): Promise<string> {
  const folder = join(await temporaryFolder(), 'digits')
  await cp(DIGITS, folder, { recursive: true })
  await rm(join(folder, name), { force: true })
  execFileSync('mkfifo', [join(folder, name)])
  return folder
}

async function refused(args: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await tensorferry(args, cwd ? { cwd } : {})
  expect(code, args.join(' ')).not.toBe(0)
  return stdout + stderr
}

describe.skipIf(process.platform === 'win32')('a pipe or a device is refused at once', () => {
  test('as a bundle’s manifest', async () => {
    const folder = await withPipe('bundle.json')
    for (const command of [['inspect'], ['verify'], ['types'], ['deploy', 'ray']]) {
      expect(await refused([...command, folder])).toMatch(/NOT_FOUND: .*bundle\.json is a pipe, not a file/)
    }
    expect(await refused(['run', folder, PICTURE])).toMatch(/NOT_FOUND/)
    expect(await refused(['serve', folder, '--port', '0'])).toMatch(/NOT_FOUND/)
  })

  test('as one of its files', async () => {
    for (const name of ['model.onnx', 'goldens.safetensors']) {
      const folder = await withPipe(name)
      for (const args of [
        ['verify', folder],
        ['run', folder, PICTURE],
        ['serve', folder, '--port', '0'],
      ]) {
        expect(await refused(args)).toMatch(/not a file|is missing/)
      }
    }
  })

  test('as a bare model', async () => {
    const folder = await temporaryFolder()
    const pipe = join(folder, 'model.onnx')
    execFileSync('mkfifo', [pipe])
    for (const path of [pipe, '/dev/zero']) {
      for (const args of [
        ['inspect', path],
        ['types', path],
        ['run', path, PICTURE],
        ['serve', path, '--port', '0'],
      ]) {
        expect(await refused(args)).toMatch(/NOT_FOUND: .*not a file/)
      }
    }
  })

  test('as an input, a config and a list of keys', async () => {
    const folder = await temporaryFolder()
    const pipe = join(folder, 'picture.png')
    execFileSync('mkfifo', [pipe])
    for (const path of [pipe, '/dev/zero']) expect(await refused(['run', DIGITS, path])).toMatch(/not a file/)
    expect(await refused(['serve', DIGITS, '--port', '0', '--api-keys-file', pipe])).toMatch(/is a pipe, not a file/)
    const project = join(folder, 'project')
    await mkdir(project)
    execFileSync('mkfifo', [join(project, 'tensorferry.config.json')])
    expect(await refused(['run', DIGITS, PICTURE], project)).toMatch(/tensorferry\.config\.json is a pipe/)
  })
})
