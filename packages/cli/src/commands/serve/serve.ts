import { TensorferryError } from '@tensorferry/core'
import { findBackendConfig, readRegular } from '@tensorferry/core/node'
import { type Server, type ServerEvent, type ServerOptions, serve as startServer } from '@tensorferry/server'
import { destination, pino } from 'pino'
import { type BackendOptions, preferredBackends } from '../../backends/choose.ts'
import { noteRefused } from '../../backends/note-refused.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { printable } from '../../terminal/printable.ts'
import { count } from '../../terminal/quantities.ts'
import { NO_COLORS, type Terminal } from '../../terminal/terminal.ts'
import { describeLoaded, plainModel } from './describe.ts'
import { letHeapGrow } from './heap-growth.ts'

/** Options of `tensorferry serve`. */
export interface ServeOptions extends BackendOptions, CommonOptions {
  readonly host?: string
  readonly port?: number
  readonly grpcPort?: number
  readonly basePath?: string
  readonly artifact?: string
  readonly verify?: 'off' | 'smoke' | 'full'
  readonly maxBatch?: number
  readonly maxDelay?: number
  readonly batching: boolean
  readonly queue?: number
  readonly timeout?: number
  readonly bodyLimit?: number
  readonly rateLimit?: number
  readonly jsonThreads?: number
  readonly pipelineThreads?: number
  readonly apiKeysFile?: string
  readonly token?: string
  readonly cors?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly trustProxy?: boolean
  readonly watch?: boolean
  readonly unreadyDelay?: number
  readonly drain?: number
  readonly pages: boolean
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

type Loaded = Extract<ServerEvent, { type: 'loaded' }>
type Failed = Extract<ServerEvent, { type: 'failed' }>

/** Serves models until it is interrupted. */
export async function serve(
  bundles: readonly string[],
  options: ServeOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  letHeapGrow()
  // Not through a worker: the last lines of a process that ends are wanted.
  const errors = destination({ fd: 2, sync: true })
  const logger = pino({ level: options.logLevel ?? 'warn' }, { write: (line) => errors.write(printable(line, false)) })
  // Whoever asks for logs gets nothing else on standard error, and the server logs what happens.
  const hasLogs = options.logLevel !== undefined
  const { note, noteColors } = hasLogs ? { note: () => undefined, noteColors: NO_COLORS } : terminal
  const warnings = hasLogs
    ? { ...terminal, note: (text: string) => logger.warn(text), noteColors: NO_COLORS }
    : terminal
  const loaded: Loaded[] = []
  const failed: Failed[] = []
  let isServing = false
  const tellFailed = ({ model, version, error, kept }: Failed): void => {
    const name = version === '' ? model : `${model} ${version}`
    const rest = kept ? 'the one before stays' : 'what was ready stays'
    note(`${noteColors.red('refused')} ${name}: ${error.code}: ${error.message}; ${rest}`)
  }
  const tell = (event: ServerEvent): void => {
    const { green, yellow } = noteColors
    switch (event.type) {
      case 'loading':
        note(`loading ${event.model} from ${event.source}`)
        break
      case 'loaded':
        loaded.push(event)
        noteRefused(event.report, warnings)
        note(`${green(event.replaced ? 'replaced' : 'ready')} ${describeLoaded(event)}`)
        break
      case 'failed':
        // Before it serves, what fails may end the program, and is reported there.
        if (isServing) tellFailed(event)
        else failed.push(event)
        break
      case 'unloaded':
        note(`unloaded ${event.model} ${event.version}`)
        break
      case 'draining':
        note(`${yellow('ending')}: ${count(event.inProgress, 'request')} in progress; again Ctrl-C ends at once`)
        break
      default:
    }
  }
  const server = await startServer({ ...(await serverOptions(bundles, options)), logger, signal, onEvent: tell })
  isServing = true
  for (const event of failed) tellFailed(event)
  printServer(server, loaded, options, warnings)
  await untilAborted(signal)
  await server.close()
  return EXIT_CODES.DONE
}

function printServer(
  { url, grpcUrl }: Server,
  loaded: readonly Loaded[],
  { json, host, apiKeysFile, pages }: ServeOptions,
  terminal: Terminal,
): void {
  const isOpen = host !== undefined && !['127.0.0.1', 'localhost', '::1'].includes(host) && apiKeysFile === undefined
  if (isOpen) {
    terminal.note(
      `${terminal.noteColors.yellow('note:')} whoever can reach ${host} may use the models; --api-keys-file asks for keys`,
    )
  }
  if (json) {
    terminal.print(JSON.stringify({ url, grpcUrl, models: loaded.map(plainModel) }))
    return
  }
  terminal.print(`${url}${pages ? '' : '/v2'}`)
  if (grpcUrl) terminal.print(grpcUrl)
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function serverOptions(bundles: readonly string[], options: ServeOptions): Promise<ServerOptions> {
  const { maxBatch, maxDelay, queue, rateLimit, cors } = options
  const batching = {
    ...(maxBatch === undefined ? {} : { maxRows: maxBatch }),
    ...(maxDelay === undefined ? {} : { maxDelayMs: maxDelay }),
  }
  return {
    models: bundles,
    artifact: options.artifact,
    backend: await preferredBackends(options),
    verify: options.verify ?? (await findBackendConfig())?.verify,
    batching: options.batching ? batching : false,
    queue: queue === undefined ? undefined : { maxRequests: queue },
    requestTimeoutMs: options.timeout,
    host: options.host,
    port: options.port,
    grpcPort: options.grpcPort,
    basePath: options.basePath,
    bodyLimit: options.bodyLimit,
    rateLimit: rateLimit === undefined ? undefined : { requests: rateLimit, perMs: 1000 },
    jsonThreads: options.jsonThreads,
    pipelineThreads: options.pipelineThreads,
    apiKeys: options.apiKeysFile === undefined ? undefined : await readKeys(options.apiKeysFile),
    // A variable may be empty where there is none; an option that is empty is a mistake.
    repositoryToken: options.token ?? (process.env.TENSORFERRY_TOKEN || undefined),
    cors: cors === undefined ? undefined : cors === '*' ? true : cors.split(',').map((origin) => origin.trim()),
    tls: await readTls(options),
    trustProxy: options.trustProxy,
    watch: options.watch,
    unreadyMs: options.unreadyDelay,
    drainMs: options.drain,
    pages: options.pages,
  }
}

async function readText(option: string, path: string): Promise<string> {
  try {
    return (await readRegular(path)).toString('utf8')
  } catch (cause) {
    throw new TensorferryError('OPTIONS_INVALID', `${option}: ${(cause as Error).message}`, { cause })
  }
}

/** A key on each line; empty lines and those with # are passed over. */
async function readKeys(path: string): Promise<readonly string[]> {
  const lines = (await readText('--api-keys-file', path)).split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length > 0) return keys
  // Without a key everybody could use it, which is not what was asked for.
  throw new TensorferryError('OPTIONS_INVALID', `--api-keys-file: no key in ${path}; expected one on each line`)
}

async function readTls({ tlsCert, tlsKey }: ServeOptions): Promise<ServerOptions['tls']> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new TensorferryError('OPTIONS_INVALID', '--tls-cert and --tls-key: expected both, got one')
  }
  return { cert: await readText('--tls-cert', tlsCert), key: await readText('--tls-key', tlsKey) }
}
