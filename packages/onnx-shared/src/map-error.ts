import type { ErrorCode } from '@tensorferry/core'
import type { Problem } from './problem.ts'

/** What ONNX Runtime was doing. */
export type Stage = 'start' | 'load' | 'run'

interface Rule {
  readonly pattern: RegExp
  readonly stage?: Stage
  readonly code: ErrorCode
  /**
   * Also what goes into `details`, under the pattern's group names; `runtime` is the package that runs the model, `text` what it
   * said.
   */
  message(groups: Readonly<Record<string, string>>, runtime: string, text: string): string
}

const DAMAGED = 'the file is not a complete ONNX model; export or download it again'

/** What ONNX Runtime has to say of a model, without where the file and its own source lie. */
function reasonOf(text: string): string {
  return withoutSourceLine(text.replace(/^Load model from .*? failed:\s*/s, '')).replace(/[.;\s]+$/, '')
}

/** In order: the first pattern that matches names the error. Texts of onnxruntime 1.30. */
const RULES: readonly Rule[] = [
  {
    pattern: /Failed to allocate memory for requested buffer of size (?<bytes>\d+)/,
    code: 'OUT_OF_MEMORY',
    message: ({ bytes }) => `the model asked for ${bytes} bytes at once; use smaller inputs or a smaller batch`,
  },
  {
    pattern: /bad_alloc|Failed to allocate|out of memory|Array buffer allocation failed|ERR_WORKER_OUT_OF_MEMORY/i,
    code: 'OUT_OF_MEMORY',
    message: () => 'memory could not be had; use smaller inputs, fewer replicas or a smaller model',
  },
  {
    pattern:
      /Opset (?<opset>\d+) is under development(?:.*support for domain (?<domain>\S+) is till opset (?<newest>\d+))?/s,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ opset, newest }, runtime) =>
      `the model needs opset ${opset}, this ${runtime} reads up to ${newest ?? 'an older one'}; export it with a lower opset`,
  },
  {
    pattern: /Unsupported model IR version: (?<irVersion>\d+), max supported IR version: (?<newest>\d+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ irVersion, newest }, runtime) =>
      `the file has IR version ${irVersion}, this ${runtime} reads up to ${newest}; save it with an older onnx package`,
  },
  {
    pattern: /No Op registered for (?<operator>\S+) with domain_version of (?<opset>\d+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ operator, opset }) => `operator ${operator} does not exist in opset ${opset}; export the model again`,
  },
  {
    pattern: /No opset import for domain '(?<domain>[^']*)'/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ domain }, runtime) => `the model uses operators of domain ${domain}, which ${runtime} does not have`,
  },
  {
    pattern: /Fatal error: (?<operator>\S+?)\((?<opset>-?\d+)\) is not a registered function\/op/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ operator }, runtime) => `${runtime} has no operator ${operator}; export the model without it`,
  },
  {
    pattern:
      /Could not find an implementation for (?<operator>[^\s(]+)\((?<opset>\d+)\) node with name '(?<node>[^']*)'/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ operator, opset, node }, runtime) =>
      `${runtime} has no implementation of ${operator} (opset ${opset}) for the element types of node ${JSON.stringify(node)}; export with other element types`,
  },
  {
    pattern: /MLDataType for: tensor\((?<elementType>[^)]*)\) is not currently registered/,
    code: 'BACKEND_INCOMPATIBLE',
    message: ({ elementType }) => `the model uses ${elementType} tensors, which onnxruntime does not have`,
  },
  {
    pattern: /Failed to construct locale with name:\s*(?<locale>[^\s:]+)/,
    code: 'DEPENDENCY_MISSING',
    message: ({ locale }) =>
      `the model's text steps (StringNormalizer) need the locale ${locale}, which this machine lacks; install it (Debian: ` +
      `apt-get install locales && localedef -i ${locale!.split('.')[0]} -f UTF-8 ${locale}), or convert with another: ` +
      "convert_sklearn(model, …, options={TfidfVectorizer: {'locale': 'C'}})",
  },
  {
    pattern: /External data path (?:does not exist|.*escapes)[^"]*"(?<path>[^"]+)"/,
    code: 'NOT_FOUND',
    message: ({ path }) => `the model's external data ${JSON.stringify(path)} is missing`,
  },
  {
    pattern:
      /External initializer: (?<tensor>\S+) offset: (?<offset>\d+) size to read: (?<size>\d+) given file_length: (?<length>\d+)/,
    code: 'FORMAT_UNSUPPORTED',
    message: ({ tensor, offset, size, length }) =>
      `external data is cut short: ${tensor} needs bytes ${offset} to ${Number(offset) + Number(size)}, the file has ${length}; download it again`,
  },
  {
    pattern: /file doesn't exist|No such file/i,
    stage: 'load',
    code: 'NOT_FOUND',
    message: () => 'the model file is gone',
  },
  {
    pattern: /protobuf parsing failed|Model data pointer is null|ModelProto does not have a graph/i,
    code: 'FORMAT_UNSUPPORTED',
    message: () => DAMAGED,
  },
  {
    pattern:
      /invalid model|ShapeInferenceError|TypeInferenceError|Type Error:|is not (?:a )?graph output|Node \(.*\) has/i,
    stage: 'load',
    code: 'FORMAT_UNSUPPORTED',
    message: (_, __, text) => `the model contradicts itself: ${reasonOf(text)}; export it again`,
  },
  {
    pattern: /Invalid rank for input: (?<input>\S+) Got: (?<rank>\d+) Expected: (?<expected>\d+)/,
    stage: 'run',
    code: 'INPUT_INVALID',
    message: ({ input, rank, expected }) => `${input}: expected ${expected} dimensions, got ${rank}`,
  },
  {
    pattern:
      /Got invalid dimensions for input: (?<input>\S+) for the following indices\s*(?<indices>.*?)\s*Please fix/s,
    stage: 'run',
    code: 'INPUT_INVALID',
    message: ({ input, indices }) => `${input}: wrong shape (${indices})`,
  },
  {
    // Of Gather, GatherElements and GatherND.
    pattern:
      /running (?<operator>Gather\w*) node\. Name:'(?<node>[^']*)' Status Message: .*?(?:idx=(?<index>-?\d+) must be within the inclusive range \[(?<low>-?\d+),(?<high>-?\d+)\]|invalid index found, index = (?<only>-?\d+)|Out of range value in index tensor)/s,
    stage: 'run',
    code: 'RUNTIME_FAILED',
    message: ({ operator, node, index, only, low, high }) =>
      `node ${JSON.stringify(node)} (${operator}) got an index${index || only ? ` ${index ?? only}` : ''} that lies outside its table${high ? `, which takes ${low} to ${high}` : ''}; an input probably holds an id, such as a token's or a class's, that the model does not have`,
  },
  {
    pattern: /running (?<operator>\S+) node\. Name:'(?<node>[^']*)' Status Message: (?<reason>.*)/s,
    stage: 'run',
    code: 'RUNTIME_FAILED',
    message: ({ operator, node, reason }) =>
      `node ${JSON.stringify(node)} (${operator}) failed: ${withoutSourceLine(reason!)}; the sizes of the inputs may not fit together`,
  },
]

const FALLBACK: Record<Stage, { code: ErrorCode; message: string }> = {
  start: { code: 'BACKEND_UNAVAILABLE', message: 'could not be loaded' },
  load: { code: 'RUNTIME_FAILED', message: 'could not load the model' },
  run: { code: 'RUNTIME_FAILED', message: 'failed while it ran the model' },
}

/** ONNX Runtime puts the C++ file, line and function before what it has to say. */
export function withoutSourceLine(text: string): string {
  return text.replace(/^\/\S+:\d+ .*?[)>](?: const)? (?=\S)/s, '').trim()
}

/**
 * Finds the words for what ONNX Runtime threw. Its own text is kept in `details.runtimeMessage` and as `cause`.
 *
 * @param error - what was thrown
 * @param stage - what ONNX Runtime was doing
 * @param runtime - the package that runs it, such as `onnxruntime-node`
 */
export function mapRuntimeError(error: unknown, stage: Stage, runtime: string): Problem {
  const runtimeMessage = (error instanceof Error ? error.message : String(error)).trim()
  for (const rule of RULES) {
    if (rule.stage && rule.stage !== stage) continue
    const match = rule.pattern.exec(runtimeMessage)
    if (!match) continue
    const groups = Object.fromEntries(Object.entries(match.groups ?? {}).filter(([, value]) => value !== undefined))
    const details = { ...groups, runtimeMessage }
    return { code: rule.code, message: rule.message(groups, runtime, runtimeMessage), details, cause: error }
  }
  const { code, message } = FALLBACK[stage]
  const text = `${runtime} ${message}: ${withoutSourceLine(runtimeMessage)}`
  return { code, message: text, details: { runtimeMessage }, cause: error }
}
