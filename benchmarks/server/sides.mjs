import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, peerPython, ServerSide } from './peers.mjs'
import { plainJson, v2Json } from './requests.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const PROGRAM = here('../../packages/cli/dist/main.js')
/** Bytes of a right reply: ten numbers, or 16,384. */
const LEAST = { mlp: 50, espcn: 100_000 }

/** Our whole server: checks, metrics, batching, pages; in the defaults but the port and the backend. */
export async function startOurs(
  folder,
  model,
  { name = 'ours', backend = 'onnx-node', args = [], bundle = `${folder}/${model}` } = {},
) {
  const port = await freePort()
  const side = new ServerSide(
    name,
    process.execPath,
    [PROGRAM, 'serve', bundle, '--port', String(port), '--backend', backend, ...args],
    { cwd: here('..') },
  )
  await side.ready(port, '/v2/health/ready')
  return Object.assign(side, { port, target: LEAST[model] && v2Json(port, model, { least: LEAST[model] }) })
}

const onnx = (folder, model) => ({ MODEL: `${folder}/${model}/model.onnx`, OMP_NUM_THREADS: '1' })

/** Node's HTTP with nothing behind it: what the machine and the generator give by themselves. */
export async function startBareNode(model) {
  const port = await freePort()
  const side = new ServerSide('a bare node:http server', process.execPath, [here('bare-node.mjs'), String(port)])
  await side.ready(port, '/')
  return Object.assign(side, { target: v2Json(port, model, { least: LEAST[model] }) })
}

async function startMlserver(folder, model) {
  const python = peerPython('mlserver')
  const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()]
  const models = mkdtempSync(join(tmpdir(), 'bench-mlserver-'))
  process.once('exit', () => rmSync(models, { recursive: true, force: true }))
  mkdirSync(join(models, 'model'))
  const settings = { http_port: port, grpc_port: grpc, metrics_port: metrics, host: '127.0.0.1', parallel_workers: 0 }
  writeFileSync(join(models, 'settings.json'), JSON.stringify(settings))
  const implementation = 'mlserver_model.OnnxModel'
  writeFileSync(join(models, 'model', 'model-settings.json'), JSON.stringify({ name: 'model', implementation }))
  const env = { ...onnx(folder, model), PYTHONPATH: here('peers') }
  const side = new ServerSide('MLServer', join(dirname(python), 'mlserver'), ['start', models], { env })
  await side.ready(port, '/v2/models/model/ready')
  return Object.assign(side, { target: v2Json(port, model, { name: 'model', least: LEAST[model] }) })
}

async function startKserve(folder, model) {
  const port = await freePort()
  const args = [here('peers/kserve_server.py'), String(port)]
  const side = new ServerSide('KServe Python', peerPython('kserve'), args, { env: onnx(folder, model) })
  await side.ready(port, '/v2/models/model/ready')
  return Object.assign(side, { target: v2Json(port, model, { name: 'model', least: LEAST[model] }) })
}

async function startLitserve(folder, model) {
  const port = await freePort()
  const args = [here('peers/litserve_server.py'), String(port)]
  const side = new ServerSide('LitServe', peerPython('litserve'), args, { env: onnx(folder, model) })
  await side.ready(port, '/health')
  return Object.assign(side, { target: plainJson(port, model, { least: LEAST[model] }) })
}

async function startGunicorn(application, name, env) {
  const port = await freePort()
  const gunicorn = join(dirname(peerPython('flask')), 'gunicorn')
  const args = ['--workers', '2', '--bind', `127.0.0.1:${port}`, '--log-level', 'error', `${application}:app`]
  const side = new ServerSide(name, gunicorn, args, { cwd: here('peers'), env })
  await side.ready(port, '/')
  return Object.assign(side, { port })
}

async function startFlask(folder, model) {
  const side = await startGunicorn('flask_tensors', 'Flask, gunicorn x2', onnx(folder, model))
  return Object.assign(side, { target: plainJson(side.port, model, { least: LEAST[model] }) })
}

/** The servers that a user would take in place of ours, by name. */
export const PEERS = {
  MLServer: startMlserver,
  LitServe: startLitserve,
  'KServe Python': startKserve,
  'Flask, gunicorn x2': startFlask,
}

/**
 * The tutorial's code with PyTorch and Pillow; PyTorch is that of the repository's Python.
 *
 * @param {{ threads: number, gradients: boolean }} how - of each worker; the tutorial itself computes with gradients
 */
export async function startFlaskPictures({ python, sitePackages }, { threads, gradients }) {
  const env = {
    PYTHONPATH: sitePackages,
    THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    GRADIENTS: gradients ? '1' : '0',
    PYTORCH_PYTHON: python,
  }
  const words = `${threads} thread${threads > 1 ? 's' : ''}${gradients ? '' : ', no_grad'}`
  return startGunicorn('flask_pictures', `Flask, gunicorn x2, ${words}`, env)
}
