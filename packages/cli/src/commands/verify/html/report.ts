import type { ComparedTensor, ReplayedCase } from '@tensorferry/core'
import type { BundleOnDisk, CheckedFile } from '../../../bundle/read.ts'
import { formatBytes, formatMilliseconds, formatSmall } from '../../../terminal/quantities.ts'
import { comparedAt, describeComparison, STAGES } from '../findings.ts'
import { formatTolerance, summarize } from '../print.ts'
import type { VerifiedBackend } from '../replay.ts'
import { type Html, html, raw } from './escape.ts'
import { drawComparison } from './pictures.ts'
import { drawElements, drawOverview, drawTimes } from './plots.ts'
import { STYLE } from './style.ts'

interface Report {
  readonly bundle: BundleOnDisk
  readonly files: readonly CheckedFile[]
  readonly backends: readonly VerifiedBackend[]
  readonly failures: readonly string[]
  readonly passed: boolean
}

const STATUS = { passed: 'passed', failed: 'failed', unusable: 'not usable' } as const

function writeSummary(backends: readonly VerifiedBackend[]): Html {
  const rows = backends.map((one) => {
    const { backend, artifact, runtime, provider, threads, cases, error, tolerance, time } = summarize(one)
    return html`<tr><td>${backend}</td><td>${artifact}</td><td>${runtime}</td><td>${provider}</td><td class="number">${threads}</td>
      <td class="number">${cases}</td><td class="number">${error}</td><td>${tolerance}</td><td class="number">${time}</td>
      <td class="${one.status}">${STATUS[one.status]}${one.error ? html`<br><small>${one.error.code}: ${one.error.message}</small>` : null}</td></tr>`
  })
  return html`<table><thead><tr><th>backend</th><th>artifact</th><th>runtime</th><th>provider</th><th class="number">threads</th>
    <th class="number">cases</th><th class="number">largest error</th><th>tolerance</th><th class="number">time</th><th></th></tr></thead>
    <tbody>${rows}</tbody></table>`
}

function writeFiles(files: readonly CheckedFile[]): Html {
  const rows = files.map(
    ({ path, size, sha256, problem }) => html`<tr><td>${path}</td><td class="number">${formatBytes(size)}</td>
      <td><code>${sha256.slice(0, 16)}</code></td><td class="${problem === null ? 'passed' : 'failed'}">${problem ?? 'as listed'}</td></tr>`,
  )
  return html`<table><thead><tr><th>file</th><th class="number">size</th><th>sha256</th><th></th></tr></thead><tbody>${rows}</tbody></table>`
}

async function writeComparison(compared: ComparedTensor): Promise<Html> {
  const { stage, tensor, expected, difference, tolerance, passed } = compared
  const pictures = await drawComparison(compared)
  const elements = difference && difference.maxAbs > 0 ? drawElements(compared) : null
  const error =
    difference === null || difference.mismatch !== null
      ? ''
      : difference.maxAbs === 0
        ? 'equal'
        : formatSmall(difference.maxAbs)
  const size = pictures && Math.max(pictures.width, pictures.height) < 200 ? 'small' : 'large'
  const shown = pictures
    ? html`<div class="pictures ${size}">
        <figure><img src="${pictures.expected}" alt="expected"><figcaption>PyTorch</figcaption></figure>
        <figure><img src="${pictures.got}" alt="got"><figcaption>here</figcaption></figure>
        <figure><img src="${pictures.difference}" alt="difference"><figcaption>difference${pictures.gain > 1 ? `, enlarged ${formatSmall(pictures.gain)} times` : ''}</figcaption></figure>
      </div>`
    : null
  return html`<div class="stage"><h4><span class="${passed ? 'passed' : 'failed'}">${passed ? '✓' : '✗'}</span> ${stage}: ${tensor}
    <small>${expected.dtype}[${expected.shape.join(', ')}], largest error ${error || 'not known'}, allowed ${formatTolerance(tolerance)}</small></h4>
    ${passed ? null : html`<p class="failed">${describeComparison(compared)}</p>`}${shown}${elements ? raw(elements) : null}</div>`
}

async function writeCase(golden: ReplayedCase): Promise<Html> {
  const { name, compared, skipped, error, milliseconds } = golden
  const passed = error === null && compared.every((one) => one.passed)
  const stages: Html[] = []
  const inOrder = STAGES.flatMap((stage) => comparedAt(golden, stage))
  for (const one of inOrder) stages.push(await writeComparison(one))
  return html`<details ${raw(passed ? '' : 'open')}><summary><span class="${passed ? 'passed' : 'failed'}">${passed ? '✓' : '✗'}</span>
    ${name} <small>${formatMilliseconds(milliseconds)}${skipped ? `, ${skipped}` : ''}</small></summary>
    ${error ? html`<p class="failed">${error.code}: ${error.message}</p>` : null}${stages}</details>`
}

/** The whole report as one HTML file that needs nothing else: no script, no network. */
export async function writeReport({ bundle, files, backends, failures, passed }: Report): Promise<string> {
  const { name, version, task, producer } = bundle.manifest
  const replayed = backends.filter(({ replay }) => replay !== null)
  const sections: Html[] = []
  for (const { name: backend, artifact, replay } of replayed) {
    const cases: Html[] = []
    for (const golden of replay!.cases) cases.push(await writeCase(golden))
    sections.push(html`<h2>${backend}${artifact ? ` (${artifact})` : ''}</h2>${cases}`)
  }
  const made = Object.entries(producer ?? {})
    .map((pair) => pair.join(' '))
    .join(', ')
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${name} ${version}: ${passed ? 'passed' : 'failed'}</title><style>${raw(STYLE)}</style></head><body>
<header><h1>${name} ${version}</h1><p class="verdict ${passed ? 'passed' : 'failed'}">${passed ? 'Gives what PyTorch gave' : 'Differs from PyTorch'}</p>
<p>${task ?? 'no task'}${made ? `, made with ${made}` : ''}</p></header>
${failures.length > 0 ? html`<section class="failures"><h2>What differs</h2><ul>${failures.map((line) => html`<li>${line}</li>`)}</ul></section>` : null}
<h2>Backends</h2>${writeSummary(backends)}
${
  replayed.length > 0
    ? html`<h2>Error against tolerance</h2><figure>${raw(drawOverview(replayed))}<figcaption>Each dot is a stage of a case; right of the dashed line it fails.</figcaption></figure>
<h2>Time</h2><figure>${raw(drawTimes(replayed))}</figure>`
    : null
}
<h2>Files</h2>${writeFiles(files)}
${sections}
</body></html>
`
  return page.html
}
