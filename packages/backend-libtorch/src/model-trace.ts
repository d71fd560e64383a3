/** What TorchScript's interpreter says of a failure, taken apart. */
export interface ModelTrace {
  /** The last line or lines: what went wrong. */
  readonly message: string
  /** The model's own lines, the innermost last, as Python shows them; null: the text has none. */
  readonly trace: string | null
  /** Class of a Python exception that the model raised, such as `ValueError`; null: the runtime failed. */
  readonly exception: string | null
}

/** Files keep the paths of the machine that exported the model: what follows the last folder of packages is enough. */
function moduleRelative(path: string): string {
  const inPackages = /(?:site-packages|dist-packages|lib\/python3\.\d+)\/(?!.*(?:site|dist)-packages\/)(.+)$/.exec(path)
  if (inPackages) return inPackages[1]!
  if (path.startsWith('code/')) return path
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}

function withRelativePaths(text: string): string {
  return text.replace(/File "([^"]+)"/g, (_, path: string) => `File "${moduleRelative(path)}"`)
}

const SERIALIZED = /^Traceback of TorchScript, serialized code.*$/m
const ORIGINAL = /^Traceback of TorchScript, original code.*$/m

/** Takes the interpreter's text apart: the original code's trace where the file holds it, else the serialized one's. */
export function modelTrace(text: string): ModelTrace {
  const relative = withRelativePaths(text)
  const serialized = SERIALIZED.exec(relative)
  const original = ORIGINAL.exec(relative)
  const start = original ?? serialized ?? /^Traceback of TorchScript.*$/m.exec(relative)
  if (!start) return { message: relative, trace: null, exception: null }
  const body = relative.slice(start.index + start[0].length)
  // The trace holds the model's source, the message may have several lines: it begins at the last line that names an error.
  // One on a missing kernel goes on with lines such as "CPU: registered at".
  const heads = [...body.matchAll(/^(?:builtins\.)?(?:[\w.]+\.)?[A-Z]\w*: /gm)]
  const head = heads.findLast(([text]) => /^builtins\.|(?:Error|Exception): $/.test(text)) ?? heads.at(-1)
  const begin = head?.index ?? body.length
  const trace = body.slice(0, begin).replace(/^\n/, '').trimEnd()
  const message = body.slice(begin).trim()
  const raised = /^(builtins\.)?([\w.]+): /.exec(message)
  // RuntimeError is what the runtime's own failures are called.
  const exception = raised && (raised[1] || raised[2] !== 'RuntimeError') ? raised[2]! : null
  return { message: message.slice(raised?.[1]?.length ?? 0), trace, exception }
}
