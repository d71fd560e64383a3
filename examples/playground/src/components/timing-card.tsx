import { lazyPlot } from '../charts/lazy-plot.tsx'
import { STAGE_COLORS } from '../charts/stage-colors.ts'
import { formatMilliseconds } from '../model/format.ts'
import { median } from '../model/medians.ts'
import { loadedModel } from '../state/model-state.ts'
import { isRunning, pictureInput, runModel, type TimedRun, timedRuns } from '../state/run-state.ts'
import { Card } from './card.tsx'
import { WideTable } from './wide-table.tsx'

const REPEATS = 20
const TimePlot = lazyPlot()

function Medians({ runs, names }: { readonly runs: readonly TimedRun[]; readonly names: readonly string[] }) {
  const computes = [...new Set(runs.map(({ compute }) => compute))]
  const medianOf = (name: string, compute: string): string => {
    const times = runs.filter((run) => run.compute === compute).flatMap(({ times: all }) => all.get(name) ?? [])
    return times.length === 0 ? '' : formatMilliseconds(median(times))
  }
  return (
    <WideTable label="Medians of the times">
      <caption>Medians of the last {runs.length === 1 ? 'run' : `${runs.length} runs`}</caption>
      <thead>
        <tr>
          <th scope="col">Stage</th>
          {computes.map((compute) => (
            <th scope="col" key={compute} class="number">
              {compute}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {names.map((name, index) => (
          <tr key={name} class={name === 'total' ? 'sum' : ''}>
            <th scope="row">
              <span class={`swatch swatch-${index % STAGE_COLORS.length}`} aria-hidden="true" />
              {name}
            </th>
            {computes.map((compute) => (
              <td key={compute} class="number">
                {medianOf(name, compute)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </WideTable>
  )
}

/** How long each stage took, run by run. */
export function TimingCard() {
  const runs = timedRuns.value
  const names = [...new Set(runs.flatMap(({ times }) => [...times.keys()]))]
  const ready = loadedModel.value !== null && pictureInput.value !== null && !isRunning.value
  const again = (
    <button type="button" disabled={!ready} onClick={() => void runModel(REPEATS)}>
      Run {REPEATS} times
    </button>
  )
  return (
    <Card id="times" title="Time per stage" aside={again}>
      {runs.length === 0 ? (
        <p class="soft">Each run adds a point. Change where it runs and compare.</p>
      ) : (
        <div class="timing">
          <TimePlot runs={runs} names={names} />
          <Medians runs={runs} names={names} />
        </div>
      )}
    </Card>
  )
}
