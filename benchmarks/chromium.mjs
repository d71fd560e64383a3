// What benchmarks in Chromium have in common: the program, a page as an app's bundler writes it, headers.
import { existsSync } from 'node:fs'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'

/** Headers that make a page cross-origin isolated: it may have threads, and a clock of 5 microseconds. */
export const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/**
 * A script as an app's bundler writes it.
 *
 * @param {string} entry - path of the file
 * @param {string[]} [conditions] - of package exports
 */
export async function bundleScript(entry, conditions) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'error',
    // Any list, an empty one too, takes esbuild's own condition `module` away.
    ...(conditions && { conditions }),
    tsconfigRaw: {},
  })
  return outputFiles[0].contents
}

/** The machine's Chromium, or `TENSORFERRY_CHROMIUM`. */
export function launchOptions() {
  const executablePath =
    process.env.TENSORFERRY_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path))
  return { executablePath, args: ['--no-sandbox', '--disable-gpu'] }
}

/** Starts Chromium with a new profile. */
export function launchChromium() {
  return chromium.launch(launchOptions())
}
