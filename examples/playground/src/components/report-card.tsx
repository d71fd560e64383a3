import { useEffect, useState } from 'preact/hooks'
import { formatBytes, formatMilliseconds } from '../model/format.ts'
import type { LoadedModel } from '../model/load.ts'
import { announce } from '../state/announce.ts'
import { loadEngine } from '../state/engine.ts'
import { type Isolation, isolation, offline } from '../state/isolation.ts'
import { loadedModel, refusals } from '../state/model-state.ts'
import { Card } from './card.tsx'

const ISOLATION: Readonly<Record<Isolation, string>> = {
  host: 'yes, by the host’s headers',
  'service-worker': 'yes, by this page’s service worker: the host sends no such headers',
  'after-reload': 'after the next load of the page, by its service worker',
  none: 'no: one thread',
}

function downloadText({ fetched, isUrl }: LoadedModel): string {
  if (!isUrl) return 'nothing: the files were given'
  const bytes = fetched.reduce((sum, file) => sum + file.fetched, 0)
  const resumed = fetched.reduce((sum, file) => sum + file.resumed, 0)
  if (bytes === 0) return '0 bytes: all files were kept from an earlier visit'
  const before = resumed > 0 ? `, after ${formatBytes(resumed)} of an earlier try` : ''
  return `${formatBytes(bytes)} in ${fetched.length} ${fetched.length === 1 ? 'file' : 'files'}${before}`
}

function Kept() {
  const [bytes, setBytes] = useState<number | null>(null)
  const measure = async (): Promise<void> => {
    const { listDownloads } = await loadEngine()
    setBytes((await listDownloads()).reduce((sum, { size }) => sum + size, 0))
  }
  useEffect(() => void measure(), [loadedModel.value])
  const clear = async (): Promise<void> => {
    await (await loadEngine()).clearDownloads()
    await measure()
    announce('The kept models were removed.')
  }
  return (
    <>
      {bytes === null ? '…' : formatBytes(bytes)}{' '}
      <button type="button" class="link" disabled={bytes === 0} onClick={() => void clear()}>
        Remove
      </button>
    </>
  )
}

function Facts({ loaded }: { readonly loaded: LoadedModel }) {
  const { report } = loaded.model
  const { runtime, artifact, bundle, timings } = report
  const { refused } = loaded.model.session.runtime
  const facts: [string, preact.ComponentChildren][] = [
    [
      'Model',
      bundle
        ? `${bundle.name} ${bundle.version}${loaded.manifest?.license ? `, ${loaded.manifest.license}` : ''}`
        : 'a bare file',
    ],
    ['From', report.source],
    [
      'File',
      artifact ? [...new Set([artifact.name, artifact.format, artifact.precision])].filter(Boolean).join(', ') : '–',
    ],
    ['Runtime', `${runtime.name} ${runtime.version}`],
    ['Provider', `${runtime.provider ?? '–'} on ${runtime.device}`],
    ['Threads', runtime.threads === null ? '–' : String(runtime.threads)],
    ['Isolated', ISOLATION[isolation.value]],
    ['Offline', offline.value],
    ['Downloaded', downloadText(loaded)],
    ['Kept here', <Kept key="kept" />],
    [
      'Time',
      Object.entries(timings)
        .map(([stage, ms]) => `${stage} ${formatMilliseconds(ms)}`)
        .join(', '),
    ],
  ]
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {report.warnings.map((warning) => (
        <p class="warning" key={warning}>
          {warning}
        </p>
      ))}
      {refused.length > 0 ? (
        <ul>
          {refused.map(({ provider, reason }) => (
            <li key={provider}>
              {provider} was passed over: {reason}
            </li>
          ))}
        </ul>
      ) : null}
    </>
  )
}

/** What was tried, what runs, and what it took to get there. */
export function ReportCard() {
  const loaded = loadedModel.value
  return (
    <Card id="report" title="Load report">
      {loaded ? (
        <Facts loaded={loaded} />
      ) : (
        <p class="soft">What was tried, chosen and refused, once a model is loaded.</p>
      )}
      {refusals.value.length > 0 ? (
        <>
          <h3>Refused</h3>
          <ul class="refusals">
            {refusals.value.map(({ asked, code, message }, index) => (
              <li key={`${index} ${asked}`}>
                <strong>{asked}</strong> {code ? <code>{code}</code> : null}: {message}
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </Card>
  )
}
