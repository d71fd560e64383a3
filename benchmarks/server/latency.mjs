import { percentile } from '../measure.mjs'

const median = (values) => percentile(values, 0.5)

const CLIENTS = 32

/**
 * Latencies of requests that come at fixed times, at 70 % of the most that as many waiting clients can have.
 *
 * @returns p99 / p50: the median of the windows and the middle 80 %
 */
export async function measureLatency({ target }, generator, { rounds = 11, milliseconds = 4000, share = 0.7 } = {}) {
  const highest = []
  for (let round = 0; round < 4; round++) {
    highest.push(
      (await generator.ask({ command: 'closedLoop', target, clients: CLIENTS, milliseconds: 2000 })).perSecond,
    )
  }
  const perSecond = share * median(highest.slice(1))
  const windows = []
  for (let round = 0; round < rounds; round++) {
    windows.push(await generator.ask({ command: 'openLoop', target, perSecond, milliseconds, clients: CLIENTS }))
  }
  const ratios = windows.map(({ p50, p99 }) => p99 / p50)
  const [p50, p99] = ['p50', 'p99'].map((name) => median(windows.map((window) => window[name])))
  const refused = windows.reduce((sum, { failed }) => sum + failed, 0)
  return {
    value: median(ratios),
    spread: [percentile(ratios, 0.1), percentile(ratios, 0.9)],
    note: `${refused > 0 ? `${refused} refused; ` : ''}${perSecond.toFixed(0)} requests/s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
  }
}
