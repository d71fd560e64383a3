import { alternate, percentile } from '../measure.mjs'
import { throughput } from './throughput.mjs'

const median = (values) => percentile(values, 0.5)

const CLIENTS = 32

function summary(windows, perSecond) {
  const ratios = windows.map(({ p50, p99 }) => p99 / p50)
  const [p50, p99] = ['p50', 'p99'].map((name) => median(windows.map((window) => window[name])))
  const refused = windows.reduce((sum, { failed }) => sum + failed, 0)
  return {
    value: median(ratios),
    spread: [percentile(ratios, 0.1), percentile(ratios, 0.9)],
    note: `${refused > 0 ? `${refused} refused; ` : ''}${perSecond.toFixed(0)} requests/s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
  }
}

/**
 * Latencies of requests that come at fixed times, for each side at 70 % of the most that as many waiting clients have of it;
 * the sides in turns, the others standing still.
 *
 * @returns {Promise<Record<string, { value: number, spread: [number, number], note: string }>>} p99 / p50 by side: the median of the windows and the middle 80 %
 */
export async function measureLatency(sides, generator, { rounds = 11, milliseconds = 4000, share = 0.7 } = {}) {
  const highest = await throughput(sides, generator, { clients: CLIENTS, rounds: 3 })
  const rates = Object.fromEntries(sides.map(({ name }) => [name, share * median(highest[name])]))
  for (const side of sides) side.pause()
  const windowOf = (side) => async () => {
    side.resume()
    const request = { target: side.target, perSecond: rates[side.name], milliseconds, clients: CLIENTS }
    const window = await generator.ask({ command: 'openLoop', ...request })
    side.pause()
    return window
  }
  const windows = Object.fromEntries(sides.map((side) => [side.name, windowOf(side)]))
  const samples = await alternate(windows, { rounds, warmUp: 0 })
  for (const side of sides) side.resume()
  return Object.fromEntries(sides.map(({ name }) => [name, summary(samples[name], rates[name])]))
}
