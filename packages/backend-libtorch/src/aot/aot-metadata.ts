import { type ByteSource, TensorferryError } from '@tensorferry/core'
import { readZipDirectory, type ZipEntry } from '../torchscript/zip-directory.ts'
import { type ElfFacts, readElf } from './elf.ts'
import { type IndexRange, parseIndexChecks } from './index-checks.ts'
import { type CompiledInputs, parseInputChecks } from './input-checks.ts'
import { entrySource, readEntry } from './read-entry.ts'
import { commandLine, isaFeatures, switchFeatures } from './required-features.ts'

const MODELS = 'data/aotinductor/'

/** What an AOTInductor file says of itself, read without running any of it. */
export interface AotMetadata {
  /** Name of the model in the package; torch writes `model`. */
  readonly model: string
  /** Python's `sys.platform` of the machine it was compiled on; null: the file does not say. */
  readonly platform: string | null
  /** Python's `platform.machine()`, such as `x86_64`. */
  readonly machine: string | null
  /** Such as `AVX512 AVX512_VNNI`: the vector instructions that the compiler was allowed. */
  readonly isa: string | null
  /** Features the CPU must have, by Linux's names: from `isa`, the compiler's command line, and what it noted in the library. */
  readonly features: readonly string[]
  /** `cpu`, `cuda`, `mps`. */
  readonly device: string | null
  /** Set only by an exporter that notes it under `torch_version` in `aot_inductor.metadata`. */
  readonly torchVersion: string | null
  /** All of the file's own metadata. */
  readonly values: Readonly<Record<string, string>>
  /** What it takes, from the checks in the source that the package holds; null: they are not there, or cannot be read. */
  readonly inputs: CompiledInputs | null
  /** Inputs whose elements are indices, and their ranges. */
  readonly indices: readonly IndexRange[]
  /** A run changes constants: the next one computes something else. */
  readonly keepsState: boolean
  /** Threads that its own kernels use, fixed when it was compiled; 0: as many as the runtime gives; null: not known. */
  readonly kernelThreads: number | null
  readonly library: ZipEntry
  /** What the library itself says; null: it is not Linux's. */
  readonly elf: Pick<ElfFacts, 'machine'> | null
  /** Weights beside the library; null: inside it. */
  readonly weights: ZipEntry | null
}

/** How a library asks for an operator that has no C function: through an object that only C++ can make. */
const PROXY_EXECUTOR = 'aoti_torch_proxy_executor_call_function'
/** As the option's largest. */
const MOST_THREADS = 4096
const LARGEST_SOURCE = 64 * 1024 * 1024

function invalid(reason: string, details: Record<string, unknown> = {}): TensorferryError {
  return new TensorferryError('FORMAT_UNSUPPORTED', `the .pt2 file cannot be used: ${reason}`, { details })
}

/** Entries of the one model, by their names within its folder. */
function modelEntries(entries: readonly ZipEntry[]): { model: string; files: Map<string, ZipEntry> } {
  const models = new Map<string, Map<string, ZipEntry>>()
  for (const entry of entries) {
    // The archive's own folder comes first.
    const inner = entry.name.slice(entry.name.indexOf('/') + 1)
    if (!inner.startsWith(MODELS)) continue
    const [model = '', ...rest] = inner.slice(MODELS.length).split('/')
    if (rest.length !== 1 || !rest[0]) continue
    const files = models.get(model) ?? new Map<string, ZipEntry>()
    models.set(model, files.set(rest[0], entry))
  }
  const names = [...models.keys()]
  if (names.length === 0)
    throw invalid('it holds no model that AOTInductor compiled; compile it with torch 2.6 or newer')
  if (names.length > 1) {
    throw invalid(`it holds ${names.length} models (${names.join(', ')}); package each in a file of its own`, {
      models: names,
    })
  }
  return { model: names[0]!, files: models.get(names[0]!)! }
}

async function readValues(source: ByteSource, entry: ZipEntry | undefined): Promise<Record<string, string>> {
  if (!entry) return {}
  let values: unknown
  try {
    values = JSON.parse(new TextDecoder().decode(await readEntry(source, entry)))
  } catch (error) {
    if (TensorferryError.is(error)) throw error
    throw invalid(`${entry.name} is not JSON`, { entry: entry.name })
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw invalid(`${entry.name} is not an object`, { entry: entry.name })
  }
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]))
}

/** The operators that the library asks a C++ object for, from the list that lies beside it. */
async function needsPython(source: ByteSource, files: ReadonlyMap<string, ZipEntry>): Promise<TensorferryError> {
  const operators = new Set<string>()
  for (const [name, entry] of files) {
    if (!name.endsWith('.json') || name.endsWith('_metadata.json')) continue
    const text = new TextDecoder().decode(await readEntry(source, entry))
    for (const [, target] of text.matchAll(/"target":\s*"([^"]+)"/g))
      operators.add(target!.replace(/^torch\.ops\./, ''))
  }
  const list = [...operators].join(', ') || 'operators'
  return new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `the .pt2 file calls ${list} through libtorch's C++ interface, which compiled models here do not have; export the model without them, or as TorchScript`,
    { details: { operators: [...operators] } },
  )
}

/** Constants that kernels or operators are given to write to. */
function writesConstants(source: string): boolean {
  const names = [...source.matchAll(/auto& (\w+) = constants_->at\(\d+\)/g)].map(([, name]) => name!)
  return (
    names.some(
      (name) =>
        // Kernels take what they only read as const.
        source.includes(`*)(${name}.data_ptr())`) &&
        new RegExp(`\\((?!const )\\w+\\s?\\*\\)\\(${name}\\.data_ptr\\(\\)\\)`).test(source),
    ) || names.some((name) => new RegExp(`aoti_torch_\\w*(?:_out|_|copy_|set_)\\(${name}\\b`).test(source))
  )
}

function kernelThreadsIn(sources: readonly string[]): number | null {
  if (sources.length === 0) return null
  let most = 1
  for (const source of sources) {
    for (const [, count] of source.matchAll(/#pragma omp parallel(?: num_threads\((\d+)\))?/g)) {
      if (count === undefined) return 0
      most = Math.min(MOST_THREADS, Math.max(most, Number(count)))
    }
  }
  return most
}

/**
 * Reads what an AOTInductor `.pt2` file says of itself: platform, machine, vector instructions, device, what it takes.
 *
 * @param source - the file
 * @throws TensorferryError `FORMAT_UNSUPPORTED` when it is damaged, holds no compiled model, or several
 */
export async function readAotMetadata(source: ByteSource): Promise<AotMetadata> {
  const entries = await readZipDirectory(source)
  if (!entries) throw invalid('its table of contents does not add up; copy it again, or compile the model again')
  const { model, files } = modelEntries(entries)
  const names = [...files.keys()]
  const find = (pattern: RegExp): ZipEntry | undefined => {
    const name = names.find((candidate) => pattern.test(candidate))
    return name === undefined ? undefined : files.get(name)
  }
  const readText = async (entry: ZipEntry | undefined): Promise<string> =>
    entry && entry.size <= LARGEST_SOURCE ? new TextDecoder().decode(await readEntry(source, entry)) : ''

  const library = find(/\.(so|dylib|pyd|dll)$/)
  if (!library) throw invalid('it holds sources without the compiled library; compile it without package_cpp_only')
  const values = await readValues(source, find(/(?:^|[._])wrapper_metadata\.json$|_metadata\.json$/))
  const wrapper = await readText(find(/wrapper\.cpp$/))
  const kernel = await readText(find(/kernel\.cpp$/))
  if (files.has('weights_config.json')) {
    throw invalid('its weights are pickled one by one; compile it with the weights inside, or as a binary_blob')
  }
  const elf = await readElf(await entrySource(source, library))
  if (elf?.names.has(PROXY_EXECUTOR)) throw await needsPython(source, files)
  const switches = [commandLine(kernel || wrapper), ...(elf?.producers ?? [])]
  const inputs = wrapper ? parseInputChecks(wrapper) : null
  const isa = values.AOTI_CPU_ISA || null
  return {
    model,
    platform: values.AOTI_PLATFORM || null,
    machine: values.AOTI_MACHINE || null,
    isa,
    features: [...new Set([...isaFeatures(isa), ...switches.flatMap(switchFeatures)])],
    device: values.AOTI_DEVICE_KEY || null,
    torchVersion: values.torch_version || null,
    values,
    inputs,
    indices: inputs ? parseIndexChecks(wrapper, kernel, inputs) : [],
    keepsState: writesConstants(wrapper),
    kernelThreads: kernelThreadsIn([wrapper, kernel].filter((text) => text !== '')),
    library,
    elf: elf && { machine: elf.machine },
    weights: find(/weights\.(blob|bin)$/) ?? null,
  }
}
