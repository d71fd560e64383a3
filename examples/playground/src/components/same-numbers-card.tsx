import { formatDifference, formatTolerance } from '../model/format.ts'
import { loadedModel } from '../state/model-state.ts'
import { Card } from './card.tsx'
import { WideTable } from './wide-table.tsx'

const STAGES = ['decoded', 'inputs', 'outputs', 'result'] as const

/** How far this device is from PyTorch, case by case. */
export function SameNumbersCard() {
  const loaded = loadedModel.value
  if (loaded === null) {
    return (
      <Card id="numbers" title="The same numbers?">
        <p class="soft">
          A bundle carries what PyTorch gave. Once one is loaded, this says how far your device is from it.
        </p>
      </Card>
    )
  }
  const { model, manifest } = loaded
  const { cases, skipped } = model.report.verify
  const precision = model.report.artifact?.precision ?? 'float32'
  const tolerance = manifest?.goldens?.tolerance[precision]
  const stages = STAGES.filter((stage) => cases.some((golden) => stage in golden.stages))
  return (
    <Card id="numbers" title="The same numbers?" aside={cases.length > 0 ? <span class="badge">Yes</span> : null}>
      {cases.length === 0 ? (
        <p class="soft">Nothing was compared: {skipped}.</p>
      ) : (
        <>
          <WideTable label="Differences from PyTorch">
            <caption>Largest difference from PyTorch on this device</caption>
            <thead>
              <tr>
                <th scope="col">Case</th>
                {stages.map((stage) => (
                  <th scope="col" key={stage} class="number">
                    {stage}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {cases.map(({ name, stages: differences, skipped: left }) => (
                <tr key={name}>
                  <th scope="row">
                    {name}
                    {left ? <span class="soft small"> ({left})</span> : null}
                  </th>
                  {stages.map((stage) => (
                    <td key={stage} class="number">
                      {differences[stage] === undefined ? '' : formatDifference(differences[stage])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </WideTable>
          <p class="soft small">
            Allowed for the network’s outputs:{' '}
            {tolerance
              ? `${formatTolerance(tolerance.atol)} + ${formatTolerance(tolerance.rtol)} × |value|`
              : 'the default of its precision'}
            . The other stages must be equal to the last bit, scores within 1e-6 + 1e-5 × |score|. Anything else is
            refused.
          </p>
        </>
      )}
    </Card>
  )
}
