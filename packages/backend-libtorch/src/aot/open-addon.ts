import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { packageFolder } from '../build/package-folder.ts'
import { mapError } from '../map-error.ts'
import type { AotAddon } from './native-addon.ts'

/** The oldest libtorch whose packages have this form. */
export const OLDEST_AOT_LIBTORCH = '2.6'

/** Where the AOTInductor addon for this machine is. It comes with the package: nothing is compiled. */
export interface AotAddonPlace {
  readonly addon: string
  readonly present: boolean
  /** Machines that there is one for, such as `linux-x64`. */
  readonly platforms: readonly string[]
}

/** @param platform - such as `linux-x64`; default: this machine's */
export function aotAddonPlace(platform = `${process.platform}-${process.arch}`): AotAddonPlace {
  const folder = join(packageFolder(), 'prebuilt')
  const addon = join(folder, platform, 'aot.node')
  const platforms = existsSync(folder) ? readdirSync(folder).sort() : []
  return { addon, present: existsSync(addon), platforms }
}

/**
 * Opens the addon; libtorch is not opened.
 *
 * @throws TensorferryError `DEPENDENCY_MISSING` when there is none for this machine, `BACKEND_UNAVAILABLE` when it does not load
 */
export function openAotAddon(platform = `${process.platform}-${process.arch}`): AotAddon {
  const { addon, present, platforms } = aotAddonPlace(platform)
  if (!present) {
    const hint = 'use TorchScript, whose addon is compiled on the machine'
    throw new TensorferryError(
      'DEPENDENCY_MISSING',
      `the AOTInductor addon is not there for ${platform}, only for ${platforms.join(', ') || 'no machine'}; ${hint}`,
      { details: { platform, platforms, hint } },
    )
  }
  try {
    return createRequire(import.meta.url)(addon) as AotAddon
  } catch (error) {
    throw mapError(error, 'start')
  }
}
