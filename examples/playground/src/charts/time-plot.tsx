import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatDecade } from '../model/format.ts'
import { isDark } from '../state/theme.ts'
import type { TimePlotProps } from './lazy-plot.tsx'
import { STAGE_COLORS } from './stage-colors.ts'

const HEIGHT = 300
/** Timers of browsers are no finer, and a logarithm needs more than zero. */
const FINEST = 0.005

const isDecade = (at: number): boolean => Math.abs(Math.log10(at) - Math.round(Math.log10(at))) < 1e-6

const decades: UPlot.Axis.Filter = (_, splits) => splits.map((at) => (isDecade(at) ? at : null))

function dataOf({ runs, names }: TimePlotProps): UPlot.AlignedData {
  const times = names.map((name) =>
    runs.map((run) => {
      const time = run.times.get(name)
      return time === undefined ? null : Math.max(FINEST, time)
    }),
  )
  return [runs.map((_, index) => index + 1), ...times]
}

function makePlot(place: HTMLElement, props: TimePlotProps, dark: boolean): UPlot {
  const style = getComputedStyle(place)
  const ink = style.getPropertyValue('--soft')
  const line = style.getPropertyValue('--line')
  const axis = {
    stroke: ink,
    font: '12px system-ui, sans-serif',
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
  }
  const options: UPlot.Options = {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: { distr: 3 } },
    axes: [
      {
        ...axis,
        label: 'Run',
        labelFont: axis.font,
        labelSize: 18,
        values: (_, splits) => splits.map((at) => (Number.isInteger(at) ? String(at) : '')),
      },
      {
        ...axis,
        size: 62,
        // Powers of ten alone: lines between them crowd the plot.
        filter: decades,
        grid: { ...axis.grid, filter: decades },
        ticks: { ...axis.ticks, filter: decades },
        values: (_, splits) => splits.map((at) => (at === null ? '' : formatDecade(at))),
      },
    ],
    series: [
      {},
      ...props.names.map((name, index) => {
        const color = STAGE_COLORS[index % STAGE_COLORS.length]![dark ? 1 : 0]
        return {
          label: name,
          stroke: color,
          width: name === 'total' ? 2.5 : 1.5,
          points: { show: true, size: 5, fill: color },
        }
      }),
    ],
  }
  return new UPlot(options, dataOf(props), place)
}

/** Milliseconds by run on a logarithmic scale, a line for each stage. The table beside it says the same in numbers. */
export function TimePlot(props: TimePlotProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(null)
  const dark = isDark.value
  const shown = props.names.join()
  useEffect(() => {
    plot.current = makePlot(place.current!, props, dark)
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width)
      if (width > 0 && width !== plot.current?.width) plot.current?.setSize({ width, height: HEIGHT })
    })
    observer.observe(place.current!)
    return () => {
      observer.disconnect()
      plot.current?.destroy()
    }
  }, [shown, dark])
  useEffect(() => {
    plot.current?.setData(dataOf(props))
  }, [props.runs])
  return (
    <div
      ref={place}
      class="plot"
      role="img"
      aria-label="Time of each stage by run; the table of medians has the numbers"
    />
  )
}
