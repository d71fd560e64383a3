import { formatMilliseconds, formatValue } from '../model/format.ts'
import type { StageView } from '../model/stage-view.ts'
import { runResult } from '../state/run-state.ts'
import { Card } from './card.tsx'
import { Pixels } from './pixels.tsx'

const PARTS: Readonly<Record<StageView['part'], string>> = {
  input: 'Input',
  before: 'Preprocess',
  network: 'Network',
  after: 'Postprocess',
}

function StageFigure({ stage }: { readonly stage: StageView }) {
  const { name, part, options, type, range, picture, labels, milliseconds } = stage
  return (
    <li class={`stage ${part}`}>
      <p class="stage-part">{PARTS[part]}</p>
      <div class="stage-picture">
        {picture ? <Pixels picture={picture} label={`${name}: ${type}`} /> : null}
        {labels.length > 0 ? (
          <ol class="stage-labels">
            {labels.map(({ index, label, score }) => (
              <li key={index}>
                {label ?? index} <span class="soft">{(100 * score).toFixed(1)} %</span>
              </li>
            ))}
          </ol>
        ) : null}
      </div>
      <p class="stage-name">{name}</p>
      <p class="stage-type">{type}</p>
      {range ? (
        <p class="stage-range">
          {formatValue(range.min)} to {formatValue(range.max)}
        </p>
      ) : null}
      {options ? <p class="stage-options">{options}</p> : null}
      {milliseconds === null ? null : <p class="stage-time">{formatMilliseconds(milliseconds)}</p>}
    </li>
  )
}

/** Every stage on the way, as a picture or a heat map. */
export function StagesCard() {
  const stages = runResult.value?.stages ?? []
  return (
    <Card id="stages" title="What happens in between">
      {stages.length === 0 ? (
        <p class="soft">Every step appears here with its picture, shape and range, once there is an input.</p>
      ) : (
        <>
          <ol class="stages">
            {stages.map((stage, index) => (
              <StageFigure key={`${index} ${stage.name}`} stage={stage} />
            ))}
          </ol>
          <p class="soft small">
            Tensors are shown as heat maps, <span class="ramp" aria-hidden="true" /> from their smallest value to their
            largest.
          </p>
        </>
      )}
    </Card>
  )
}
