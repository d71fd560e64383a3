import { type ErrorCode, TensorferryError } from '@tensorferry/core'
import { modelTrace } from './model-trace.ts'

/** What libtorch was doing. */
export type Stage = 'start' | 'load' | 'run'

interface Rule {
  /** Only for errors that the addon marked so. */
  readonly kind?: string
  readonly pattern: RegExp
  readonly stage?: Stage
  readonly code: ErrorCode
  /** Also what goes into `details`, under the pattern's group names. */
  message(groups: Readonly<Record<string, string>>): string
}

/** In order: the first pattern that matches names the error. Texts of libtorch 1.13 and 2.13. */
const RULES: readonly Rule[] = [
  {
    kind: 'LIBTORCH',
    pattern: /(?<reason>[\s\S]*)/,
    code: 'BACKEND_UNAVAILABLE',
    message: ({ reason }) => `libtorch could not be opened: ${reason}`,
  },
  {
    kind: 'LIBTORCH_TOO_OLD',
    pattern: /has no (?<symbol>\S+)/,
    code: 'BACKEND_INCOMPATIBLE',
    message: ({ symbol }) => `this libtorch lacks ${symbol}, which compiled models need; use torch 2.6 or newer`,
  },
  {
    kind: 'MODEL_LIBRARY',
    pattern: /undefined symbol: (?<symbol>\w+)/,
    code: 'BACKEND_INCOMPATIBLE',
    message: ({ symbol }) =>
      `the compiled model needs ${symbol}, which this libtorch lacks; use the torch that compiled it, or compile it again`,
  },
  {
    kind: 'MODEL_LIBRARY',
    pattern: /(?<library>[^\s:]+): cannot open shared object file/,
    code: 'BACKEND_INCOMPATIBLE',
    message: ({ library }) => `the compiled model needs the library ${library}, which is not here; install it`,
  },
  {
    kind: 'MODEL_LIBRARY',
    pattern: /(?<reason>failed to map segment from shared object|Operation not permitted|Permission denied)/,
    code: 'BACKEND_UNAVAILABLE',
    message: ({ reason }) =>
      `code may not run from the cache folder (${reason}); set TENSORFERRY_CACHE to a folder that is not mounted noexec`,
  },
  {
    kind: 'MODEL_LIBRARY',
    pattern: /(?<reason>[\s\S]*)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ reason }) => `the compiled model's library could not be loaded: ${reason}; compile it again`,
  },
  {
    kind: 'NOT_A_MODEL',
    pattern: /has no (?<symbol>\S+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ symbol }) =>
      `the library in the .pt2 file is not a compiled model, it lacks ${symbol}; compile it again`,
  },
  {
    kind: 'NO_WEIGHTS',
    pattern: /(?:)/,
    code: 'FORMAT_UNSUPPORTED',
    message: () => 'the .pt2 file was compiled without its weights; compile it with them inside, or as a binary_blob',
  },
  {
    pattern: /DefaultCPUAllocator: [\s\S]*tried to allocate (?<bytes>\d+) bytes/,
    code: 'OUT_OF_MEMORY',
    message: ({ bytes }) => `the model asked for ${bytes} bytes at once; use smaller inputs or a smaller batch`,
  },
  {
    pattern:
      /std::bad_alloc|DefaultCPUAllocator|out of memory|Storage size calculation overflowed|numel: integer multiplication overflow/i,
    code: 'OUT_OF_MEMORY',
    message: () => 'memory could not be had; use smaller inputs or a smaller batch',
  },
  {
    pattern: /undefined symbol: (?<symbol>\S+)/,
    stage: 'start',
    code: 'BACKEND_UNAVAILABLE',
    message: ({ symbol }) =>
      `the addon does not fit this libtorch (it lacks ${symbol}); build it again: npx -p @tensorferry/backend-libtorch tensorferry-libtorch build --force`,
  },
  {
    pattern: /(?<library>\S+?): cannot open shared object file/,
    stage: 'start',
    code: 'BACKEND_UNAVAILABLE',
    message: ({ library }) => `libtorch needs ${library}, which this system lacks; install it`,
  },
  {
    pattern:
      /Attempted to read a PyTorch file with version (?<version>\d+), but the maximum supported version for reading is (?<newest>\d+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ version, newest }) =>
      `the file has format version ${version}, this libtorch reads up to ${newest}; use a newer libtorch, or save the model with an older one`,
  },
  {
    pattern: /Unknown (?:builtin op|type name|operator)[:\s]*'?(?<operator>[\w:.]+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ operator }) =>
      `the model uses ${operator!.replace(/\.$/, '')}, which this libtorch does not have; pass the library that registers it as libraries: [{ path, sha256 }], use a newer libtorch, or export without it`,
  },
  {
    pattern: /Could not find any similar ops to (?<operator>[\w:]+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ operator }) =>
      `the model uses ${operator}, which this libtorch does not have; pass the library that registers it as libraries: [{ path, sha256 }], or use a newer libtorch`,
  },
  {
    pattern: /(?:Legacy model format is not supported|file not found: archive\/version)/,
    code: 'FORMAT_UNSUPPORTED',
    message: () => 'the file was saved by a PyTorch before 1.4; save it again with a newer one',
  },
  {
    pattern:
      /(?:No CUDA GPUs are available|CUDA driver|Torch not compiled with CUDA|PyTorch is not linked with support for (?<device>\w+))/i,
    code: 'BACKEND_UNAVAILABLE',
    message: ({ device }) => `this libtorch cannot use ${device ?? 'cuda'} here`,
  },
  {
    pattern: /Could not run '(?<operator>[\w:.]+)' with arguments from the '(?<backend>\w+)' backend/,
    code: 'BACKEND_INCOMPATIBLE',
    message: ({ operator, backend }) =>
      `${operator} is not there for ${backend}; use another device, or export without it`,
  },
]

/** Kinds that the addons give their own errors. */
const CODES: Record<string, ErrorCode> = {
  ARGUMENT: 'INPUT_INVALID',
  STOPPED: 'SESSION_DISPOSED',
  UNSUPPORTED: 'BACKEND_INCOMPATIBLE',
  NOT_FOUND: 'NOT_FOUND',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
}

const FALLBACK: Record<Stage, { code: ErrorCode; message: string }> = {
  start: { code: 'BACKEND_UNAVAILABLE', message: 'libtorch could not be opened' },
  load: { code: 'FORMAT_UNSUPPORTED', message: 'libtorch could not load the model; the file may be damaged' },
  run: { code: 'RUNTIME_FAILED', message: 'libtorch failed while it ran the model' },
}

/** C++ sources and stack frames say nothing to a caller. */
function withoutSourceLines(text: string): string {
  return text
    .replace(/Exception raised from [\s\S]*$/, '')
    .replace(/^\[enforce fail at [^\]]*\]\s*\.?\s*/, '')
    .replace(/(?:^|\s)\/?\S+\.(?:cpp|cc|h):\d+, please report a bug to PyTorch\./g, '')
    .trim()
}

/**
 * Turns what libtorch or the addon threw into a typed error. The runtime's own text is `details.runtimeMessage`, the
 * model's own trace `details.trace`, both without paths of the machine that exported it.
 *
 * @param error - what was thrown; the addon's errors have a `kind`
 * @param stage - what libtorch was doing
 */
export function mapError(error: unknown, stage: Stage): TensorferryError {
  if (TensorferryError.is(error)) return error
  const text = (error instanceof Error ? error.message : String(error)).trim()
  const kind = (error as { kind?: string } | null)?.kind
  const code = kind === undefined ? undefined : CODES[kind]
  if (code && text) return new TensorferryError(code, text, { cause: error })
  if (code === 'OUT_OF_MEMORY') return new TensorferryError(code, 'memory could not be had', { cause: error })

  const { message: runtimeMessage, trace, exception } = modelTrace(text)
  const details = {
    runtimeMessage: withoutSourceLines(runtimeMessage),
    ...(trace ? { trace } : {}),
    ...(exception ? { exception } : {}),
  }
  for (const rule of RULES) {
    if (rule.kind !== undefined ? rule.kind !== kind : rule.stage && rule.stage !== stage) continue
    const match = rule.pattern.exec(text)
    if (!match) continue
    const groups = Object.fromEntries(Object.entries(match.groups ?? {}).filter(([, value]) => value !== undefined))
    return new TensorferryError(rule.code, rule.message(groups), { details: { ...groups, ...details }, cause: error })
  }
  const fallback = FALLBACK[stage]
  const at = trace ? `\n${trace}` : ''
  const reason = exception
    ? `the model raised ${details.runtimeMessage}`
    : `${fallback.message}: ${details.runtimeMessage}`
  return new TensorferryError(fallback.code, `${reason}${at}`, { details, cause: error })
}

/**
 * {@link mapError} for a call with a caller's values: what JavaScript itself threw while they were read, such as a getter
 * of theirs, is the caller's.
 */
export function mapCallError(error: unknown): TensorferryError {
  if (TensorferryError.is(error) || (error as { kind?: string } | null)?.kind !== undefined)
    return mapError(error, 'run')
  const reason = error instanceof Error ? error.message : String(error)
  return new TensorferryError('INPUT_INVALID', `an argument could not be read: ${reason}`, { cause: error })
}
