import { formatBytes, formatDifference } from '../model/format.ts'
import { loadedModel, loadingState, modelChoice, ownSource, refusedLoad } from '../state/model-state.ts'
import { ErrorNote } from './error-note.tsx'

function Progress() {
  const loading = loadingState.value!
  const { text, loaded, total } = loading
  const isBytes = text.startsWith('Downloading') || text.startsWith('Checking')
  const amount = (value: number): string => (isBytes ? formatBytes(value) : String(value))
  const known = loaded !== null && total !== null && total > 0
  return (
    <div class="status">
      <progress aria-label={text} {...(known ? { value: loaded, max: total } : {})} />
      <p>
        {text}
        {known ? <span class="soft"> · {`${amount(loaded)} of ${amount(total)}`}</span> : ' …'}
      </p>
    </div>
  )
}

function Ready() {
  const { model, compute } = loadedModel.value!
  const { bundle, runtime, verify } = model.report
  const worst = Math.max(0, ...verify.cases.flatMap(({ stages }) => Object.values(stages)))
  const threads = runtime.threads === null || runtime.threads === 1 ? '' : `, ${runtime.threads} threads`
  return (
    <div class="status ready">
      <p>
        <span class="dot" aria-hidden="true" />
        <strong>{bundle ? `${bundle.name} ${bundle.version}` : 'A bare model'}</strong> runs on{' '}
        {compute.title.replace(/,.*/, '')}
        {threads}
        {verify.cases.length > 0
          ? `; ${verify.cases.length} cases replayed, at most ${formatDifference(worst)} from PyTorch`
          : '; it carries no results of PyTorch to compare with'}
        .
      </p>
    </div>
  )
}

/** What is going on with the model: progress, ready, or why not. */
export function LoadStatus() {
  const refused = refusedLoad.value
  const isOpen = modelChoice.value === 'own' && ownSource.value === null
  return (
    <div class="load-status">
      {loadingState.value !== null ? <Progress /> : null}
      {refused !== null ? (
        <ErrorNote
          title={
            refused.keeps
              ? `${refused.asked} was refused; ${loadedModel.value?.compute.title ?? 'the earlier one'} still runs`
              : `${refused.asked} could not be loaded`
          }
          error={refused}
        />
      ) : null}
      {loadingState.value === null && loadedModel.value !== null ? <Ready /> : null}
      {isOpen && loadedModel.value === null && loadingState.value === null ? (
        <p class="soft">
          A bundle is what <code>export_bundle</code> writes; a bare <code>.onnx</code> file works too, without
          pictures.
        </p>
      ) : null}
    </div>
  )
}
