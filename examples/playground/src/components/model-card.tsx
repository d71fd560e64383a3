import { COMPUTE_CHOICES, needsIsolation } from '../model/compute-choices.ts'
import { MODEL_CHOICES } from '../model/model-choices.ts'
import { isolation } from '../state/isolation.ts'
import { chooseCompute, computeChoice, modelChoice } from '../state/model-state.ts'
import { startModel } from '../state/start.ts'
import { Card } from './card.tsx'
import { LoadStatus } from './load-status.tsx'
import { OwnBundle } from './own-bundle.tsx'
import { RadioGroup } from './radio-group.tsx'

function ThreadsNote() {
  if (globalThis.crossOriginIsolated || !COMPUTE_CHOICES.some(needsIsolation)) return null
  if (isolation.value === 'after-reload') {
    return (
      <p class="soft small">
        Threads need one reload of the page.{' '}
        <button type="button" class="link" onClick={() => location.reload()}>
          Reload now
        </button>
      </p>
    )
  }
  return (
    <p class="soft small">
      Threads need a page that is cross-origin isolated, which this host’s headers do not ask for.
    </p>
  )
}

/** Which model, and where it runs. */
export function ModelCard() {
  return (
    <Card id="model" title="Model">
      <div class="model-grid">
        <RadioGroup
          name="model-choice"
          legend="What it does"
          value={modelChoice.value}
          options={MODEL_CHOICES.map(({ choice, title, text }) => ({ value: choice, title, text }))}
          onChange={(choice) => void startModel(choice)}
        />
        <RadioGroup
          name="compute-choice"
          legend="Where it runs"
          value={computeChoice.value.id}
          options={COMPUTE_CHOICES.map((choice) => ({
            value: choice.id,
            title: choice.title,
            disabled: needsIsolation(choice) && !globalThis.crossOriginIsolated,
          }))}
          onChange={(id) => void chooseCompute(COMPUTE_CHOICES.find((one) => one.id === id)!)}
        >
          <ThreadsNote />
        </RadioGroup>
      </div>
      {modelChoice.value === 'own' ? <OwnBundle /> : null}
      <LoadStatus />
    </Card>
  )
}
