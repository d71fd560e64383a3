import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { sourceFromBytes, TensorferryError } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'
import { type KeptFile, keepFile, keptPrefix } from '../aot/kept-files.ts'
import { loadedLibraries } from '../discovery/loaded-libtorch.ts'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { factsOf } from '../trial/try-compiled.ts'
import { tryInChild } from '../trial/try-in-child.ts'

/** A library of operators that the caller vouches for. */
interface Library {
  readonly path: string
  readonly sha256: string
}

/** What libraries are linked to besides: it holds nothing, but their loader asks for it. */
const STUBS = ['libtorch.so', 'libtorch.dylib', 'torch.dll']

const ROOM = 'operators'

/** Copies that this process has open already, on any of its JavaScript threads. */
function openCopies(): string[] {
  const prefix = keptPrefix(ROOM)
  return loadedLibraries().filter((path) => path.startsWith(prefix) && existsSync(path))
}

/** Copies stay while the process does: a trial of a later library opens them first. */
const copies = new Map<string, KeptFile>()

function keepToTheEnd(file: KeptFile): void {
  if (copies.has(file.hash)) return
  if (copies.size === 0 && isMainThread) {
    process.once('exit', () => {
      for (const { release } of copies.values()) release()
    })
  }
  copies.set(file.hash, file)
}

/** A copy that nobody else can write to, of the very bytes that were compared. */
async function keepVerified({ path, sha256 }: Library): Promise<KeptFile> {
  const { source } = await openLocalFile(path)
  const bytes = await source.read(0, source.size)
  const got = createHash('sha256').update(bytes).digest('hex')
  if (got !== sha256) {
    throw new TensorferryError(
      'UNTRUSTED_CODE',
      `the library ${path} has the sha256 ${got}, and the one that may run is ${sha256}; use that file, or name this one's when you know where it is from`,
      { details: { path, sha256: got, pinned: sha256 } },
    )
  }
  return keepFile(sourceFromBytes(bytes), path, ROOM)
}

/** What pip brings, torchvision's too, is linked to PyTorch's part for Python, which needs Python itself. */
const FOR_PYTHON = 'it is built for Python: build its C++ sources without Python (CMake)'

/** What to do about a library that another one is linked to and that is not here. */
function adviceOn(missing: string, { version, cuda }: FoundLibtorch): string {
  if (missing.startsWith('libtorch_python')) return FOR_PYTHON
  if (/cud|nv/.test(missing) && cuda === null)
    return `it is built for CUDA, and libtorch ${version} is not: use its build for the CPU`
  return 'install it, or list it in libraries before this one'
}

function explain(error: unknown, path: string, found: FoundLibtorch): TensorferryError {
  const { version } = found
  const reason = error instanceof Error ? error.message : String(error)
  const details = { path, runtimeMessage: reason }
  const symbol = /undefined symbol: (\S+)/.exec(reason)?.[1]?.replace(/,$/, '')
  if (symbol) {
    return new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `the library ${path} needs ${symbol}, which libtorch ${version} lacks; ${/^_?Py/.test(symbol) ? FOR_PYTHON : 'build it against this libtorch'}`,
      { details: { ...details, symbol }, cause: error },
    )
  }
  const missing = /([^\s:]+): cannot open shared object file/.exec(reason)?.[1]
  if (missing) {
    return new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `the library ${path} needs ${missing}, which is not here; ${adviceOn(missing, found)}`,
      { details: { ...details, missing }, cause: error },
    )
  }
  return new TensorferryError('BACKEND_UNAVAILABLE', `the library ${path} could not be opened: ${reason}`, {
    details,
    cause: error,
  })
}

function fault(path: string, how: string, stderr: string): TensorferryError {
  const namespace = /Only a single TORCH_LIBRARY can be used to register the namespace (\w+)/.exec(stderr)?.[1]
  if (namespace) {
    return new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `the library ${path} registers the operators ${namespace}::…, which another library of this process has registered; use one of the two in a process`,
      { details: { path, namespace, how, stderr } },
    )
  }
  const said = stderr ? `: ${stderr.split('\n').slice(-3).join(' ').slice(-400)}` : ''
  return new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `the library ${path} ended the process that it was tried in (${how}), and would have ended this one${said}`,
    { details: { path, how, stderr } },
  )
}

/**
 * Opens libraries of operators, each once in a process. Whoever calls it has opened libtorch.
 *
 * @param open - opens a library by its absolute path
 * @param loader - path of the addon that does, for a trial in another process
 * @param before - what is open already, in order
 * @throws TensorferryError `UNTRUSTED_CODE` for another sha256, `NOT_FOUND`, `BACKEND_INCOMPATIBLE` for one that does not fit
 *   this libtorch, `BACKEND_UNAVAILABLE` for one that faults
 */
export async function openLibraries(
  libraries: readonly Library[],
  found: FoundLibtorch,
  {
    open,
    loader,
    before,
    trial,
  }: {
    readonly open: (path: string) => void
    readonly loader: string
    readonly before: readonly string[]
    readonly trial: boolean
  },
): Promise<void> {
  const already = openCopies()
  const wanted = libraries.filter(({ sha256 }) => !already.some((path) => path.includes(sha256.slice(0, 40))))
  if (wanted.length === 0) return
  const stubs = STUBS.map((name) => join(found.libraryFolder, name)).filter((path) => existsSync(path))
  const paths = [...before, ...stubs, ...already]
  const facts = [...factsOf(found), ...already.map((path) => basename(path).slice(-43)).sort()]
  for (const library of wanted) {
    const copy = await keepVerified(library)
    let isOpen = false
    try {
      paths.push(copy.path)
      facts.push(copy.hash)
      const end = trial ? await tryInChild({ kind: 'libraries', loader, paths }, facts) : null
      if (end) throw fault(library.path, end.how, end.stderr)
      for (const stub of stubs) open(stub)
      open(copy.path)
      isOpen = true
      keepToTheEnd(copy)
    } catch (error) {
      throw TensorferryError.is(error) ? error : explain(error, library.path, found)
    } finally {
      if (!isOpen) copy.release()
    }
  }
}
