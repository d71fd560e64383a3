import { type Command, InvalidArgumentError, Option } from 'commander'
import { addBackendOptions, parsePositive } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { ServeOptions } from './serve.ts'

const EXAMPLES = `
Speaks the Open Inference Protocol v2 (REST, and gRPC with --grpc-port), takes pictures at /predict/NAME, shows a page at /,
its description at /docs and its metrics at /metrics. It is ready when every model is loaded and has given PyTorch's numbers.

Ctrl-C or SIGTERM: it is not ready any more, takes no new requests, answers those in progress and ends with exit code 0. The
second time nothing is waited for.

Without --host only this machine can reach it. Whoever can reach it may use it, unless there are --api-keys-file.

Environment:
  TENSORFERRY_TOKEN    as --token, which other users of the machine can see in the list of processes

Examples:
  $ tensorferry serve ./digits
  $ tensorferry serve ./digits x3=./super-resolution-x3 --port 8000 --grpc-port 8001
  $ tensorferry serve ./models --watch               all bundles in a folder; NAME/1, NAME/2 are versions of NAME
  $ tensorferry serve ./digits --host 0.0.0.0 --api-keys-file keys.txt --tls-cert cert.pem --tls-key key.pem
  $ curl --data-binary @three.png localhost:8080/predict/digits`

function parsePort(text: string): number {
  const port = Number(text)
  if (text !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new InvalidArgumentError('Expected a port, 0 to 65535; 0 is any free one.')
}

function parseMilliseconds(text: string): number {
  const milliseconds = Number(text)
  if (text !== '' && milliseconds >= 0) return milliseconds
  throw new InvalidArgumentError('Expected milliseconds, 0 or more.')
}

/** The server knows how many may be. */
function parseThreads(text: string): number {
  const threads = Number(text)
  if (text !== '' && Number.isInteger(threads) && threads >= 0) return threads
  throw new InvalidArgumentError('Expected a whole number; 0 is none.')
}

/** Adds `serve` to the program. */
export function defineServe(program: Command, runCommand: RunCommand): void {
  const command = program
    .command('serve')
    .description('serve models over HTTP and gRPC')
    .argument('<bundles...>', 'folders or URLs of bundles, model files, folders of these; NAME=PATH gives a name')
    .option('--host <address>', 'address to listen on; 0.0.0.0: all of this machine (default: 127.0.0.1)')
    .option('--port <number>', 'port of HTTP; 0: any free one (default: 8080)', parsePort)
    .option('--grpc-port <number>', 'port of gRPC; 0: any free one (default: no gRPC)', parsePort)
  command.option('--base-path <path>', 'path before all addresses, behind a proxy that leaves it there, such as /ml')
  addBackendOptions(command)
    .option('--artifact <name>', 'which of the bundles’ artifacts, such as onnx-fp16')
    .addOption(
      new Option('--verify <mode>', 'goldens to replay before a model is ready').choices(['off', 'smoke', 'full']),
    )
    .option('--max-batch <rows>', 'rows of one run at most (default: 32)', parsePositive)
    .option(
      '--max-delay <ms>',
      'how long a request may wait for others while the model is idle (default: 0)',
      parseMilliseconds,
    )
    .option('--no-batching', 'run each request by itself')
    .option(
      '--queue <requests>',
      'requests that may wait for a model; more are refused with 503 (default: 1024)',
      parsePositive,
    )
    .option('--timeout <ms>', 'how long a request may take, its time in the queue included', parsePositive)
    .option('--body-limit <bytes>', 'size of a request at most (default: 67108864)', parsePositive)
    .option('--rate-limit <requests>', 'requests of one client in a second', parsePositive)
    .option('--json-threads <number>', 'worker threads for large JSON; 0: none (default: 1)', parseThreads)
    .option(
      '--pipeline-threads <number>',
      'worker threads for pictures and other steps around a network; 0: none (default: cores, at most 4)',
      parseThreads,
    )
    .option('--api-keys-file <path>', 'file with a key on each line; clients must send one')
    .option('--token <text>', 'switches load and unload over the network on, for whoever sends it')
    .option('--cors <origins>', 'origins whose pages may call, with commas between them; * is all')
    .option('--tls-cert <path>', 'PEM file of the certificate')
    .option('--tls-key <path>', 'PEM file of its key')
    .option('--trust-proxy', 'believe the proxy before it who the client is')
    .option('--watch', 'load bundles anew when their files change, without a failed request')
    .option(
      '--unready-delay <ms>',
      'when it ends: not ready for so long before requests are refused (default: 0)',
      parseMilliseconds,
    )
    .option('--drain <ms>', 'when it ends: wait so long for requests in progress (default: 30000)', parseMilliseconds)
    .option('--no-pages', 'leave the pages at / and /docs out')
    .addOption(
      new Option(
        '--log-level <level>',
        'what is logged, as JSON on standard error, in place of lines for people; info has every request (default: those lines, and warnings)',
      ).choices(['debug', 'info', 'warn', 'error', 'silent']),
    )
    .option('--json', 'one line of JSON on standard output when it is ready')
    .addHelpText('after', EXAMPLES)
    .action((bundles: readonly string[], options: ServeOptions) =>
      runCommand(async (context) => (await import('./serve.ts')).serve(bundles, options, context)),
    )
}
