import { barX, dot, ruleX } from '@observablehq/plot'
import { type ComparedTensor, float32FromBfloat16, float32FromFloat16, type Tensor } from '@tensorferry/core'
import { drawPlot, SERIES_COLORS } from '../../../charts/plot.ts'
import { comparedAt, STAGES } from '../findings.ts'
import type { VerifiedBackend } from '../replay.ts'

/** Errors at or below this share of the tolerance are drawn at it: a logarithm has no zero. */
const FLOOR = 1e-4
const POINTS = 600
const DIFFERENCE = '#0072b2'

function numbersOf({ dtype, data }: Tensor): readonly number[] {
  if (dtype === 'string') return []
  if (dtype === 'float16') return [...float32FromFloat16(data as Uint16Array)]
  if (dtype === 'bfloat16') return [...float32FromBfloat16(data as Uint16Array)]
  return Array.from(data as ArrayLike<number | bigint>, Number)
}

/** Share of the tolerance that the worst element takes; above 1 it fails. An exact comparison is 0 or infinite. */
function shareOfTolerance({ difference, tolerance, passed }: ComparedTensor): number {
  if (!difference || difference.mismatch !== null) return Number.POSITIVE_INFINITY
  if (difference.maxAbs === 0) return 0
  const allowed = tolerance.atol + tolerance.rtol * Math.abs(Number(difference.expected))
  const error = Math.abs(Number(difference.expected) - Number(difference.got))
  return allowed > 0 ? error / allowed : passed ? 0 : Number.POSITIVE_INFINITY
}

/** All cases and stages of all backends: how much of the tolerance each takes. */
export function drawOverview(backends: readonly VerifiedBackend[]): string {
  const names = backends.map(({ name, artifact }) => (artifact ? `${name} (${artifact})` : name))
  const points = backends.flatMap(({ replay }, index) =>
    (replay?.cases ?? []).flatMap((golden) =>
      STAGES.flatMap((stage) => {
        const compared = comparedAt(golden, stage)
        if (compared.length === 0) return []
        const share = Math.max(...compared.map(shareOfTolerance))
        const drawn = Math.min(1e4, Math.max(FLOOR, share))
        return [{ case: `${golden.name}, ${stage}`, share: drawn, backend: names[index]!, failed: share > 1 }]
      }),
    ),
  )
  const rows = [...new Set(points.map((point) => point.case))]
  const longest = Math.max(...rows.map((row) => row.length), 10)
  return drawPlot({
    width: 860,
    height: 80 + 24 * rows.length,
    marginLeft: 20 + 7 * longest,
    marginRight: 30,
    marginBottom: 46,
    x: {
      type: 'log',
      domain: [FLOOR, Math.max(10, ...points.map(({ share }) => share))],
      label: 'largest error as a share of the tolerance (left edge: equal, or less than a ten-thousandth)',
      tickFormat: (value: number) => (Number.isInteger(Math.log10(value)) ? String(value) : ''),
    },
    y: { domain: rows, label: null },
    color: { domain: names, range: [...SERIES_COLORS] },
    marks: [
      ruleX([1], { stroke: '#c00', strokeWidth: 1.5, strokeDasharray: '4 3' }),
      dot(points, {
        x: 'share',
        y: 'case',
        fill: 'backend',
        r: 5,
        symbol: (point: { failed: boolean }) => (point.failed ? 'times' : 'circle'),
        stroke: 'backend',
      }),
    ],
  })
}

/** Differences of one tensor's elements, in the tensor's order; long ones as the largest of each stretch. */
export function drawElements({ expected, got, tolerance }: ComparedTensor): string | null {
  if (!got || expected.shape.join() !== got.shape.join()) return null
  const a = numbersOf(expected)
  const b = numbersOf(got)
  if (a.length < 2) return null
  const stretch = Math.ceil(a.length / POINTS)
  const points: { index: number; error: number; allowed: number }[] = []
  for (let start = 0; start < a.length; start += stretch) {
    let error = 0
    let allowed = Number.POSITIVE_INFINITY
    for (let i = start; i < Math.min(a.length, start + stretch); i++) {
      const difference = Math.abs(a[i]! - b[i]!)
      if (difference > error) error = difference
      allowed = Math.min(allowed, tolerance.atol + tolerance.rtol * Math.abs(a[i]!))
    }
    points.push({ index: start, error, allowed })
  }
  // Beside a tolerance, which errors may be far below, only a logarithm shows both.
  const isExact = tolerance.atol === 0 && tolerance.rtol === 0
  const differing = points.filter(({ error }) => error > 0 && Number.isFinite(error))
  const common = { width: 860, height: 220, marginLeft: 70, marginBottom: 46 }
  const x = {
    label: `element of ${a.length}${stretch > 1 ? `, the largest of each ${stretch}` : ''}`,
    domain: [0, a.length],
  }
  if (isExact) {
    const marks = [ruleX(differing, { x: 'index', y1: 0, y2: 'error', stroke: DIFFERENCE, strokeWidth: 2 })]
    return drawPlot({ ...common, x, y: { label: 'absolute difference', zero: true }, marks })
  }
  return drawPlot({
    ...common,
    x,
    y: { type: 'log', label: 'absolute difference (blue) and what is allowed (red)', tickFormat: '.0e', ticks: 5 },
    marks: [
      dot(points, { x: 'index', y: 'allowed', r: 1.2, fill: '#c00' }),
      dot(differing, { x: 'index', y: 'error', r: 2, fill: DIFFERENCE }),
    ],
  })
}

/** Time of each case, for every backend. */
export function drawTimes(backends: readonly VerifiedBackend[]): string {
  const bars = backends.flatMap(({ name, artifact, replay }) =>
    (replay?.cases ?? []).map((golden) => ({
      label: `${golden.name}, ${artifact ? `${name} (${artifact})` : name}`,
      milliseconds: golden.milliseconds,
    })),
  )
  const longest = Math.max(...bars.map(({ label }) => label.length), 10)
  return drawPlot({
    width: 860,
    height: 80 + 24 * bars.length,
    marginLeft: 20 + 7 * longest,
    marginBottom: 46,
    x: { label: 'milliseconds, the first run of each shape among them', zero: true },
    y: { domain: bars.map(({ label }) => label), label: null },
    marks: [barX(bars, { x: 'milliseconds', y: 'label', fill: '#56b4e9' }), ruleX([0])],
  })
}
