import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { percentile } from '../measure.mjs'
import { startOurs } from './sides.mjs'

const WINDOW_SECONDS = 5
const RELOAD_SECONDS = 20
/** Requests that differ, so that a reply of another one is seen. */
const KINDS = 64
const SHARE = 0.8

const median = (values) => percentile(values, 0.5)
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
const residentMB = (id) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))[1]) / 1024

const bodyOf = (kind) => {
  const data = Array.from({ length: 10 }, (_, at) => Math.fround(((kind * 7 + at * 13) % 64) / 64))
  return Buffer.from(JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 10], data }] })).toString(
    'base64',
  )
}

/** Another version of the same bundle: the server loads it beside the old one. */
function replaceBundle(bundle, number) {
  const path = join(bundle, 'bundle.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(`${path}.new`, JSON.stringify({ ...manifest, version: `1.0.${number}` }))
  renameSync(`${path}.new`, path)
}

/**
 * Load for a long time, with requests that break off, bodies that are wrong, and a bundle that changes: what is lost, what is
 * wrong, and what the memory does.
 */
export async function soak({ folder }, generator, seconds) {
  const bundle = join(mkdtempSync(join(tmpdir(), 'bench-soak-')), 'mlp')
  cpSync(`${folder}/mlp`, bundle, { recursive: true })
  const server = await startOurs(folder, 'mlp', { bundle, args: ['--watch'] })
  let watch
  try {
    const { target } = server
    const bodies = Array.from({ length: KINDS }, (_, kind) => bodyOf(kind))
    const expected = []
    for (const body of bodies) {
      const answer = await generator.ask({ command: 'once', target: { ...target, body } })
      expected.push(JSON.parse(Buffer.from(answer.body, 'base64')).outputs[0].data)
    }
    const highest = []
    for (let round = 0; round < 3; round++) {
      highest.push((await generator.ask({ command: 'closedLoop', target, clients: 32, milliseconds: 2000 })).perSecond)
    }
    const perSecond = SHARE * median(highest)
    const sums = { right: 0, wrong: 0, lost: 0, refused: 0, aborted: 0 }
    const reasons = {}
    // Every second: the heap is a sawtooth, and its mean is what grows or does not.
    const resident = []
    watch = setInterval(() => resident.push(residentMB(server.id)), 1000)
    let reloads = 0
    for (let second = 0; second < seconds; second += WINDOW_SECONDS) {
      if (Math.floor(second / RELOAD_SECONDS) > reloads) replaceBundle(bundle, ++reloads)
      const milliseconds = 1000 * WINDOW_SECONDS
      const counts = await generator.ask({ command: 'checkedLoop', target, bodies, expected, perSecond, milliseconds })
      for (const name of Object.keys(sums)) sums[name] += counts[name]
      for (const [reason, number] of Object.entries(counts.reasons)) reasons[reason] = (reasons[reason] ?? 0) + number
    }
    // The first fifth fills caches and lets the garbage collector find its size.
    const part = Math.max(1, Math.floor(resident.length / 10))
    const [early, late] = [resident.slice(2 * part, 3 * part), resident.slice(-part)]
    const drift = (100 * (mean(late) - mean(early))) / mean(early)
    const note = `${perSecond.toFixed(0)} requests/s, ${sums.right} right, ${sums.refused} refused as they should, ${sums.aborted} broken off, ${reloads} reloads`
    const row = (what, value, limit, ok, others) => ({ what, value, limit, ok, digits: 0, note: '', ...others })
    return [
      row(`resident memory, ${seconds} s at 80 % load: drift`, drift, '<= 5 %', drift <= 5, {
        digits: 1,
        unit: '%',
        note: `${mean(early).toFixed(0)} MB, then ${mean(late).toFixed(0)} MB; highest ${Math.max(...early).toFixed(0)}, then ${Math.max(...late).toFixed(0)}`,
      }),
      row('replies with wrong numbers', sums.wrong, '0', sums.wrong === 0, { note }),
      row('requests without a right reply', sums.lost, '0', sums.lost === 0, {
        note: Object.entries(reasons)
          .map(([reason, number]) => `${reason}: ${number}`)
          .join(', '),
      }),
    ]
  } finally {
    clearInterval(watch)
    await server.end()
    rmSync(join(bundle, '..'), { recursive: true, force: true })
  }
}
