import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { publishedPackages, ROOT } from './workspace.ts'

/** What the documents' code imports beside our packages, and where this workspace has it. */
const BESIDE = {
  sharp: 'examples/node_modules/sharp',
  'onnxruntime-node': 'packages/backend-onnx-node/node_modules/onnxruntime-node',
  express: 'node_modules/express',
  fastify: 'packages/server/node_modules/fastify',
  vitest: 'node_modules/vitest',
  '@types/express': 'node_modules/@types/express',
  '@types/node': 'node_modules/@types/node',
}

/** Makes a folder a project of ES modules that has our built packages, and what they are used with. */
export async function linkPackages(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const from: Record<string, string> = Object.fromEntries(
    publishedPackages().map((found) => [found.manifest.name, found.folder]),
  )
  for (const [name, path] of Object.entries(BESIDE)) from[name] = await realpath(join(ROOT, path))
  for (const [name, path] of Object.entries(from)) {
    const link = join(folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(path, link, 'junction')
  }
}
