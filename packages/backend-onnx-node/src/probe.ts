import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Availability, type CallOptions, TensorferryError, withCallOptions } from '@tensorferry/core'
import { findRuntime, NOT_INSTALLED } from './find-runtime.ts'
import { Replica } from './replica.ts'

/** What onnxruntime-node 1.30 ships. */
const BUILDS: readonly string[] = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64']
const OLDEST_GLIBC = [2, 28] as const

function unavailable(reason: string, hint: string): Availability {
  return { available: false, code: 'BACKEND_UNAVAILABLE', reason, hint }
}

/** The C library's version; null where it is not glibc, as on Alpine. */
function glibcVersion(): string | null {
  const reporter = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const before = reporter.excludeNetwork
  // Else the report looks up the host name of every open connection.
  reporter.excludeNetwork = true
  const { header } = reporter.getReport() as { header?: { glibcVersionRuntime?: string } }
  reporter.excludeNetwork = before ?? false
  return header?.glibcVersionRuntime ?? null
}

/** What can be known without loading anything. */
function checkMachine(): Availability {
  const build = `${process.platform}-${process.arch}`
  if (!BUILDS.includes(build)) {
    return unavailable(
      `onnxruntime-node has no build for ${build}, only for ${BUILDS.join(', ')}`,
      'use a machine of one of these kinds, or a backend that needs no native code',
    )
  }
  if (process.platform === 'linux') {
    const version = glibcVersion()
    const needed = OLDEST_GLIBC.join('.')
    if (version === null) {
      return unavailable(
        `onnxruntime-node needs glibc ${needed} or newer, this system has another C library (musl)`,
        'use a Debian-based image such as node:22-slim in place of node:22-alpine',
      )
    }
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (major < OLDEST_GLIBC[0] || (major === OLDEST_GLIBC[0] && minor < OLDEST_GLIBC[1])) {
      return unavailable(
        `onnxruntime-node needs glibc ${needed} or newer, this system has ${version}`,
        'use a newer system image',
      )
    }
  }
  let entry: string
  try {
    entry = findRuntime()
  } catch {
    return unavailable(NOT_INSTALLED.reason, NOT_INSTALLED.hint)
  }
  const native = ['bin', 'napi-v6', process.platform, process.arch, 'onnxruntime_binding.node']
  const binding = join(dirname(entry), '..', ...native)
  if (!existsSync(binding)) {
    return unavailable(`the native part of onnxruntime-node is missing: ${binding}`, 'install onnxruntime-node again')
  }
  if (readdirSync(dirname(binding)).length === 1) {
    return unavailable(
      `the library that belongs beside ${binding} is missing`,
      'take all of this folder along: a tool that copies what is imported (Next.js: outputFileTracingIncludes) does not see it',
    )
  }
  return { available: true }
}

/** Loads the native code in a worker: on the caller's thread it would block it, and stay in the process. */
async function checkRuntime(): Promise<Availability> {
  let replica: Replica | undefined
  try {
    replica = Replica.start()
    await replica.send({ type: 'probe' })
    return { available: true }
  } catch (error) {
    if (!TensorferryError.is(error)) throw error
    return unavailable(error.message, 'install onnxruntime-node again, or use another backend')
  } finally {
    await replica?.close()
  }
}

/** It has loaded once in this process: it will again. */
let known: Availability | null = null

/** Whether onnxruntime-node works on this machine. The native code is loaded once, in a worker. */
export function probe(options?: CallOptions): Promise<Availability> {
  return withCallOptions(options, async () => {
    if (known) return known
    const machine = checkMachine()
    const availability = machine.available ? await checkRuntime() : machine
    if (availability.available) known = availability
    return availability
  })
}
