import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  detectFormat,
  loadModel,
  type ModelFormat,
  type OnnxSummary,
  readOnnxSummary,
  TensorferryError,
  type TensorSpec,
} from '@tensorferry/core'
import { hashFile, openLocalFile } from '@tensorferry/core/node'
import { findInstalledBackends } from '../../backends/find.ts'
import { mayRead, readersOf } from '../../backends/known.ts'
import { loadBackend } from '../../backends/load.ts'
import { formatBytes } from '../../terminal/quantities.ts'
import { formatFacts } from '../../terminal/table.ts'
import type { Colors } from '../../terminal/terminal.ts'
import { type ArchiveFacts, readArchive } from './archive.ts'
import { formatSpecs } from './bundle.ts'

/** A model file as `inspect --json` prints it. */
export interface ModelFileFacts {
  readonly path: string
  readonly format: ModelFormat
  readonly size: number
  readonly sha256: string
  readonly onnx: (OnnxSummary & { readonly externalSizes: Readonly<Record<string, number | null>> }) | null
  readonly archive: ArchiveFacts | null
  readonly readers: readonly { readonly backend: string; readonly installed: boolean }[]
  /** As a backend sees it; null: none could open it, `unopened` says why. */
  readonly signature: {
    readonly backend: string
    readonly inputs: readonly TensorSpec[]
    readonly outputs: readonly TensorSpec[]
  } | null
  readonly unopened: string | null
}

/** Asks the installed backends, one after the other, what the model takes and gives. */
export async function openWithBackend(
  path: string,
  format: ModelFormat,
  signal: AbortSignal,
): Promise<Pick<ModelFileFacts, 'signature' | 'unopened'>> {
  const reasons: string[] = []
  for (const found of await findInstalledBackends()) {
    // One that could not open it in any case is not to blame.
    if (!mayRead(found.package, format)) continue
    try {
      const backend = await loadBackend(found, {})
      if (!backend.formats.includes(format)) continue
      await using model = await loadModel(path, { backend, verify: 'off', signal })
      return { signature: { backend: found.name, inputs: model.inputs, outputs: model.outputs }, unopened: null }
    } catch (error) {
      if (!TensorferryError.is(error) || signal.aborted) throw error
      reasons.push(`${found.name}: ${error.message}`)
    }
  }
  const unopened = reasons.length > 0 ? reasons.join('\n') : `no backend that reads ${format} is installed`
  return { signature: null, unopened }
}

/** Reads what a model file says of itself, and what a backend says of it. */
export async function readModelFile(path: string, signal: AbortSignal): Promise<ModelFileFacts> {
  const { source } = await openLocalFile(path)
  const format = await detectFormat(source)
  let onnx: ModelFileFacts['onnx'] = null
  if (format === 'onnx') {
    const summary = await readOnnxSummary(source)
    const sizes = summary.externalData.map(async (name) => {
      const found = await stat(join(dirname(path), name)).catch(() => null)
      return [name, found?.size ?? null] as const
    })
    onnx = { ...summary, externalSizes: Object.fromEntries(await Promise.all(sizes)) }
  }
  const installed = (await findInstalledBackends()).map(({ name }) => name)
  return {
    path,
    format,
    size: source.size,
    sha256: await hashFile(path),
    onnx,
    archive: format === 'onnx' ? null : await readArchive(path),
    readers: readersOf(format).map((backend) => ({ backend, installed: installed.includes(backend) })),
    ...(await openWithBackend(path, format, signal)),
  }
}

/** A model file as text for people. */
export function formatModelFile(facts: ModelFileFacts, colors: Colors): string {
  const { onnx, archive } = facts
  const lines: [string, string][] = [
    ['file', colors.bold(facts.path)],
    ['format', facts.format],
    ['size', formatBytes(facts.size)],
    ['sha256', facts.sha256],
  ]
  if (onnx) {
    lines.push(['opset', `${onnx.opset}, IR version ${onnx.irVersion}`])
    for (const [name, size] of Object.entries(onnx.externalSizes)) {
      lines.push(['external data', `${name}, ${size === null ? colors.red('missing') : formatBytes(size)}`])
    }
  }
  if (archive) {
    const { entries, codeFiles, weights, version, debugFiles, compiledFor } = archive
    lines.push(['archive', `version ${version ?? '?'}, ${entries} entries, ${codeFiles} of code`])
    lines.push(['weights', `${weights.tensors} tensors, ${formatBytes(weights.bytes)}`])
    if (debugFiles > 0)
      lines.push(['debug files', `${debugFiles}, which may hold paths of the machine that wrote them`])
    if (compiledFor)
      lines.push([
        'compiled for',
        Object.entries(compiledFor)
          .map((pair) => pair.join(' = '))
          .join('\n'),
      ])
  }
  const readers = facts.readers.map(({ backend, installed }) =>
    installed ? colors.green(backend) : `${backend} (not installed)`,
  )
  lines.push(['read by', readers.join(', ')])
  const parts = [formatFacts(lines, colors)]
  if (facts.signature) {
    const { inputs, outputs } = facts.signature
    parts.push(formatSpecs('input', inputs, colors), formatSpecs('output', outputs, colors))
  } else parts.push(`inputs and outputs are not known: ${facts.unopened}`)
  return parts.join('\n\n')
}
