import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../../../tests/free-port.ts'
import { peerProgram } from '../../../../tests/serving/python-venv.ts'
import { writeFixtures } from './fixture-files.ts'
import { startProcess, untilReady } from './process.ts'

/** MLServer with the kit's fixtures. */
export async function startMlserver() {
  const program = await peerProgram('mlserver', 'mlserver')
  const { root, files, remove } = await writeFixtures()
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()]
  const settings = { host: '127.0.0.1', http_port: http, grpc_port: grpc, metrics_port: metrics, parallel_workers: 0 }
  await writeFile(join(root, 'settings.json'), JSON.stringify({ ...settings, debug: false }))
  for (const { fixture, folder, model, metadata } of files) {
    const model_settings = {
      name: fixture.name,
      implementation: 'mlserver_onnx.OnnxModel',
      parameters: { uri: model, version: '1' },
      ...metadata,
    }
    await writeFile(join(folder, 'model-settings.json'), JSON.stringify(model_settings))
  }
  const here = fileURLToPath(new URL('.', import.meta.url))
  const server = startProcess(program, ['start', root], { PYTHONPATH: here }, root)
  const url = `http://127.0.0.1:${http}`
  const stop = async (): Promise<void> => {
    await server.stop()
    await remove()
  }
  try {
    await untilReady(server, [
      `${url}/v2/health/ready`,
      ...files.map(({ fixture }) => `${url}/v2/models/${fixture.name}/ready`),
    ])
  } catch (error) {
    await stop()
    throw error
  }
  return { url, grpcUrl: `grpc://127.0.0.1:${grpc}`, stop }
}
