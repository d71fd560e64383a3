// Our whole server beside what a user would take in its place: the same requests, servers in turns, the others standing still.
import { spawnSync } from 'node:child_process'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machineFacts } from '../machine.mjs'
import { ratio } from '../measure.mjs'
import { writeReport } from '../report.mjs'
import { Side } from '../side.mjs'
import { writeGuide } from './guide.mjs'
import { measureLatency } from './latency.mjs'
import { prepare } from './prepare.mjs'
import { upload, v2Binary } from './requests.mjs'
import { PEERS, startBareNode, startFlaskPictures, startOurs } from './sides.mjs'
import { soak } from './soak.mjs'
import { throughput } from './throughput.mjs'

const GENERATOR = fileURLToPath(new URL('load-generator.mjs', import.meta.url))
const beside = ({ medians }) =>
  Object.entries(medians)
    .map(([name, value]) => `${name} ${value.toFixed(value < 100 ? 1 : 0)}/s`)
    .join(', ')

function figure(what, limit, reached, result, others = {}) {
  const found = { what, limit, ok: reached(result.value), note: beside(result), ...result, ...others }
  const mark = { true: 'ok ', false: 'NO ', null: '-- ' }[found.ok]
  console.log(`${mark} ${what}: ${found.value.toFixed(2)} (${limit}) ${found.note}`)
  return found
}

const atLeast = (what, limit, result) => figure(what, `>= ${limit}`, (value) => value >= limit, result)

/** Starts sides, and ends them whatever happens. */
async function withSides(starts, work) {
  const sides = []
  try {
    for (const start of starts) sides.push(await start())
    return await work(sides)
  } finally {
    await Promise.all(sides.map((side) => side.end()))
  }
}

async function tinyFigures({ folder }, generator) {
  const starts = [() => startOurs(folder, 'mlp'), ...Object.values(PEERS).map((start) => () => start(folder, 'mlp'))]
  return withSides(starts, async (sides) => {
    const samples = await throughput(sides, generator, { clients: 32 })
    const limits = { MLServer: 8, LitServe: 8, 'KServe Python': 8, 'Flask, gunicorn x2': 4 }
    return Object.entries(limits).map(([peer, limit]) =>
      atLeast(`tiny MLP, JSON, 32 clients: requests/s against ${peer}`, limit, ratio(samples, 'ours', peer)),
    )
  })
}

async function largeFigures({ folder }, generator) {
  const limits = { MLServer: 0.95, 'Flask, gunicorn x2': 1.5 }
  const starts = [
    () => startOurs(folder, 'espcn'),
    ...Object.keys(limits).map((peer) => () => PEERS[peer](folder, 'espcn')),
  ]
  const figures = await withSides(starts, async (sides) => {
    const samples = await throughput(sides, generator, { clients: 8 })
    return Object.entries(limits).map(([peer, limit]) =>
      atLeast(
        `ESPCN, 16,384 numbers of JSON, 8 clients: requests/s against ${peer}`,
        limit,
        ratio(samples, 'ours', peer),
      ),
    )
  })
  return [...figures, await binaryFigure({ folder }, generator)]
}

function binaryFigure({ folder }, generator) {
  return withSides([() => startOurs(folder, 'espcn')], async ([side]) => {
    const still = { pause: () => undefined, resume: () => undefined }
    const sides = [
      { name: 'binary', target: v2Binary(side.port, 'espcn', { least: 65_536 }), ...still },
      { name: 'JSON', target: side.target, ...still },
    ]
    const samples = await throughput(sides, generator, { clients: 8 })
    return atLeast('the same reply as binary tensors, against our own JSON', 4, ratio(samples, 'binary', 'JSON'))
  })
}

/** What each backend runs in its best form: a compiled model is native code, asks for trust, and wants the PyTorch that made it. */
const pictureBackends = (sitePackages) => ({
  'onnx-node': [],
  libtorch: ['--backend-option', 'trust=native-code', '--backend-option', `libtorch=${join(sitePackages, 'torch')}`],
})
/** How the tutorial may be deployed: whoever deploys it chooses one. The first is its code as it stands. */
const DEPLOYMENTS = [
  { threads: 1, gradients: true },
  { threads: 2, gradients: true },
  { threads: 1, gradients: false },
]
const PICTURE_LIMITS = { 1: 2, 8: 1.3 }

async function pictureFigures({ folder, python }, generator) {
  const asked = spawnSync(python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], {
    encoding: 'utf8',
  })
  const torch = { python, sitePackages: asked.stdout.trim() }
  const ours = pictureBackends(torch.sitePackages)
  const starts = [
    ...Object.entries(ours).map(
      ([backend, args]) =>
        () =>
          startOurs(folder, 'resnet18', { name: backend, backend, args }),
    ),
    ...DEPLOYMENTS.map((how) => () => startFlaskPictures(torch, how)),
  ]
  return withSides(starts, async (sides) => {
    for (const side of sides) side.target = upload(side.port, folder)
    const peers = sides.slice(Object.keys(ours).length).map(({ name }) => name)
    const figures = []
    for (const [clients, limit] of Object.entries(PICTURE_LIMITS)) {
      const samples = await throughput(sides, generator, { clients: Number(clients), rounds: 5, milliseconds: 3000 })
      for (const backend of Object.keys(ours)) {
        for (const peer of peers) {
          const what = `JPEG upload to a ResNet-18, ${backend}, ${clients} client${clients > 1 ? 's' : ''}: against ${peer}`
          figures.push(atLeast(what, limit, ratio(samples, backend, peer)))
        }
      }
    }
    return figures
  })
}

/** Ours, and beside it what the same machine and generator see of others; those have no limit. */
async function latencyFigures({ folder }, generator) {
  const starts = [() => startOurs(folder, 'mlp'), () => startBareNode('mlp'), () => PEERS.MLServer(folder, 'mlp')]
  return withSides(starts, async (sides) => {
    const found = await measureLatency(sides, generator)
    return sides.map(({ name }) => {
      const { value, spread, note } = found[name]
      const isOurs = name === 'ours'
      const what = `p99 / p50 at 70 % of the highest load, tiny MLP${isOurs ? '' : `: ${name}, for comparison`}`
      return figure(
        what,
        isOurs ? '<= 4' : '',
        (one) => (isOurs ? one <= 4 : null),
        { value, spread, medians: {} },
        { note },
      )
    })
  })
}

const NOTES = [
  'Requests a second: a window of 2 s (pictures 3 s) for each side in turns, while the processes of the others are stopped; the ratio is that of the medians, the spread that of single rounds. Generator and servers share the cores.',
  'Ours is `tensorferry serve` in its defaults: checks, metrics, batching. MLServer (without its worker processes, with which it is slower here), KServe and Flask run the same ONNX file with one thread a run.',
  'Pictures: PyTorch’s tutorial on Flask as it stands, with one thread a worker and with two (PyTorch’s own choice here), and with no_grad, which the tutorial leaves out. With two threads it is fast for one client and slow for eight; no deployment is both. libtorch runs the compiled model (AOTInductor).',
  'The open loop sends over 32 connections at fixed times; a request’s time counts from when it was due, and the first second is not counted. Each server has 70 % of its own highest load; the bare one answers a constant.',
]

const GROUPS = { tiny: tinyFigures, large: largeFigures, pictures: pictureFigures, tail: latencyFigures }

export const OPTIONS = {
  '--soak[=SECONDS]': 'ten minutes, or so many seconds, at 80 % load instead of the figures',
  '--only=GROUPS': `some of ${Object.keys(GROUPS).join(',')}; printed, not written`,
}

function groupsOf(only) {
  const names = only?.split(',') ?? Object.keys(GROUPS)
  const unknown = names.filter((name) => !Object.hasOwn(GROUPS, name))
  if (unknown.length > 0) throw new Error(`--only knows ${Object.keys(GROUPS).join(', ')}; not ${unknown.join(', ')}`)
  return names.map((name) => GROUPS[name])
}

/** @param {string[]} options - see `OPTIONS` */
export async function run(options = []) {
  const value = (name) => options.find((option) => option.startsWith(name))?.split('=')
  const [soakOption, only] = [value('--soak'), value('--only')]
  const groups = groupsOf(only?.[1])
  const prepared = await prepare()
  const generator = await Side.start(process.execPath, [GENERATOR])
  const load = loadavg()[0].toFixed(1)
  try {
    if (soakOption) {
      const seconds = Number(soakOption[1] ?? 600)
      const command = `pnpm bench server ${soakOption.join('=')}`
      report('server-soak', await soak(prepared, generator, seconds), command, load, [])
      return
    }
    const figures = []
    for (const measure of groups) figures.push(...(await measure(prepared, generator)))
    if (!only) report('server', figures, 'pnpm bench server', load, NOTES)
  } finally {
    await generator.end()
  }
}

function report(name, figures, command, load, notes) {
  const machine = { ...machineFacts(['onnxruntime-node']), 'load before': load }
  const path = writeReport(name, { command, machine, notes, figures })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
  writeGuide()
}
