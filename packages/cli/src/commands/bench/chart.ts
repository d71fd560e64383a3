import { areaY, dot, line } from '@observablehq/plot'
import { composeChart, drawPlot, SERIES_COLORS } from '../../charts/plot.ts'
import type { BenchRow } from './bench.ts'

const WIDTH = 460
const HEIGHT = 320

/** Latency and throughput side by side, a line for each backend and thread count. */
export function drawBench(rows: readonly BenchRow[], title: string, subtitle: string): string {
  const byBatch = new Set(rows.map(({ batch }) => batch)).size > 1
  const nameOf = ({ backend, threads }: BenchRow): string =>
    byBatch ? `${backend}, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : backend
  const points = rows.map((row) => ({
    ...row,
    ...row.timing,
    series: nameOf(row),
    x: byBatch ? row.batch : row.threads,
  }))
  const series = [...new Set(points.map((point) => point.series))]
  const ticks = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b)
  const common = {
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 64,
    marginRight: 24,
    marginBottom: 44,
    x: {
      type: ticks.length > 1 ? ('log' as const) : ('point' as const),
      base: 2,
      ticks,
      tickFormat: String,
      label: byBatch ? 'batch' : 'threads',
    },
    color: { domain: series, range: [...SERIES_COLORS] },
  }
  const latency = drawPlot({
    ...common,
    y: { label: 'milliseconds a run: median, shaded from minimum to 95th percentile', zero: true },
    marks: [
      areaY(points, { x: 'x', y1: 'min', y2: 'p95', fill: 'series', fillOpacity: 0.15 }),
      line(points, { x: 'x', y: 'median', stroke: 'series', strokeWidth: 2 }),
      dot(points, { x: 'x', y: 'median', fill: 'series', r: 4 }),
    ],
  })
  const throughput = drawPlot({
    ...common,
    y: { label: 'rows a second at the median', zero: true },
    marks: [
      line(points, { x: 'x', y: 'throughput', stroke: 'series', strokeWidth: 2 }),
      dot(points, { x: 'x', y: 'throughput', fill: 'series', r: 4 }),
    ],
  })
  return composeChart({ title, subtitle, series, plots: [latency, throughput], width: WIDTH, height: HEIGHT })
}
