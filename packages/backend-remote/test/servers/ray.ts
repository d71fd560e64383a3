import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../../../tests/free-port.ts'
import { peerPython } from '../../../../tests/serving/python-venv.ts'
import { writeFixtures } from './fixture-files.ts'
import { startProcess, untilReady } from './process.ts'

/** Ray Serve with the kit's fixtures, in two replicas. */
export async function startRay() {
  const python = await peerPython('ray')
  const { root, files, remove } = await writeFixtures()
  for (const { folder, model, metadata } of files) {
    await writeFile(join(folder, 'metadata.json'), JSON.stringify({ file: model, ...metadata }))
  }
  const here = fileURLToPath(new URL('.', import.meta.url))
  const port = await freePort()
  const env = { PYTHONPATH: here, RAY_USAGE_STATS_ENABLED: '0' }
  const server = startProcess(python, [join(here, 'ray_onnx.py'), root, String(port)], env, root)
  const url = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    await server.stop()
    await remove()
  }
  try {
    await untilReady(server, [`${url}/v2/health/ready`])
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}
