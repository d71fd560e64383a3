import { useEffect, useState } from 'preact/hooks'
import type { TimedRun } from '../state/run-state.ts'

/** What the plot shows. */
export interface TimePlotProps {
  readonly runs: readonly TimedRun[]
  /** Of the stages, in the order of the table. */
  readonly names: readonly string[]
}

type Plot = typeof import('./time-plot.tsx').TimePlot

/** The plot, whose library loads with the first run. */
export function lazyPlot() {
  let loaded: Plot | null = null
  return function LazyPlot(props: TimePlotProps) {
    const [, setLoaded] = useState(loaded !== null)
    useEffect(() => {
      void import('./time-plot.tsx').then(({ TimePlot }) => {
        loaded = TimePlot
        setLoaded(true)
      })
    }, [])
    const TimePlot = loaded
    return TimePlot ? <TimePlot {...props} /> : <div class="plot" />
  }
}
