import type { Classification, Tensor } from '@tensorferry/core'
import { isImage, isLabels, isTensor } from '../model/value-kinds.ts'
import { loadedModel, loadingState, modelChoice } from '../state/model-state.ts'
import { isRunning, runResult } from '../state/run-state.ts'
import { Card } from './card.tsx'
import { PictureResult } from './picture-result.tsx'

function LabelBars({ labels }: { readonly labels: readonly Classification[] }) {
  const [best] = labels
  return (
    <div class="labels">
      <p class="best">
        <span class="best-label">{best?.label ?? 'nothing'}</span>
        {best ? <span class="soft">{(100 * best.score).toFixed(1)} %</span> : null}
      </p>
      <ol class="bars">
        {labels.map(({ index, label, score }) => (
          <li key={index}>
            <span class="bar-name">{label ?? index}</span>
            <progress class="bar" max={1} value={score} aria-label={`${label}: ${(100 * score).toFixed(1)} percent`} />
            <span class="bar-value">{(100 * score).toFixed(1)} %</span>
          </li>
        ))}
      </ol>
    </div>
  )
}

function TensorList({ value }: { readonly value: Readonly<Record<string, unknown>> }) {
  const tensors = Object.entries(value).filter((entry): entry is [string, Tensor] => isTensor(entry[1]))
  return (
    <dl class="facts">
      {tensors.map(([name, { dtype, shape, data }]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>
              {dtype} [{shape.join(', ')}]
            </code>{' '}
            {Array.from(data.slice(0, 8), String).join(', ')}
            {data.length > 8 ? ', …' : ''}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Empty() {
  const words =
    loadedModel.value === null && loadingState.value === null
      ? 'The result appears here once a model runs.'
      : modelChoice.value === 'digits'
        ? 'Draw a digit and lift the pen: its name appears here.'
        : 'The result of your picture appears here.'
  return (
    <div class="empty">
      <p>{isRunning.value || loadingState.value ? 'Working …' : words}</p>
    </div>
  )
}

function ResultBody() {
  const result = runResult.value
  if (result === null) return <Empty />
  const { value, input } = result
  if (isLabels(value)) return <LabelBars labels={value} />
  if (isImage(value)) return <PictureResult before={input.shown} after={value} />
  return <TensorList value={value as Readonly<Record<string, unknown>>} />
}

/** What the model made of it. */
export function ResultCard() {
  return (
    <Card id="result" title="Result">
      <ResultBody />
    </Card>
  )
}
