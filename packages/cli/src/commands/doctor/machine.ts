import { createRequire } from 'node:module'
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { findBackendConfig } from '@tensorferry/core/node'
import { ownVersion } from '../../own-version.ts'

/** What the machine and the program around the backends are. */
export interface MachineFacts {
  readonly tensorferry: string
  readonly node: { readonly version: string; readonly supported: boolean; readonly wanted: string }
  readonly system: { readonly platform: string; readonly arch: string; readonly release: string }
  /** The C library; null: not on Linux. */
  readonly libc: string | null
  readonly cpu: { readonly model: string; readonly cores: number; readonly usable: number }
  /** Bytes. */
  readonly memory: { readonly total: number; readonly free: number }
  /** Version of sharp, which reads and writes pictures; null: it does not load. */
  readonly sharp: string | null
  /** Where the backends of `loadModel` are named; null: nowhere. */
  readonly config: { readonly from: string; readonly backends: readonly string[] } | null
}

const OLDEST_NODE = [20, 19] as const

/** Linux: glibc with its version, else musl, from the report that Node writes of itself. */
function libc(): string | null {
  if (platform() !== 'linux') return null
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const before = report.excludeNetwork
  // Else the report looks up the host name of every open connection.
  report.excludeNetwork = true
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  report.excludeNetwork = before ?? false
  return header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'musl'
}

/** sharp as the project sees it, else as this program does. */
async function sharpVersion(): Promise<string | null> {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      const { versions } = createRequire(from)('sharp') as { versions: { sharp: string } }
      return versions.sharp
    } catch {
      // The other one may have it.
    }
  }
  return null
}

/** Reads the facts. */
export async function readMachine(): Promise<MachineFacts> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const config = await findBackendConfig()
  return {
    tensorferry: ownVersion(),
    node: {
      version: process.versions.node,
      supported: major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]),
      wanted: `${OLDEST_NODE.join('.')} or newer`,
    },
    system: { platform: platform(), arch: arch(), release: release() },
    libc: libc(),
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, usable: availableParallelism() },
    memory: { total: totalmem(), free: freemem() },
    sharp: await sharpVersion(),
    config: config && { from: config.from, backends: config.backends.map(([name]) => name) },
  }
}
