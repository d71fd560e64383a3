import type { LoadOptions } from '../backend.ts'
import type { Files } from '../bundle/files.ts'
import type { LocalArtifact } from '../bundle/local-manifest.ts'
import type { Manifest } from '../bundle/manifest.ts'
import type { DownloadStore } from '../bundle/url-files.ts'
import type { ImageCodecs } from '../pipeline/image-codecs.ts'

/** Where a path or URL given as a string leads. */
export type Located =
  | { readonly kind: 'folder'; readonly files: Files }
  /** One file: `files` is its folder. */
  | { readonly kind: 'file'; readonly files: Files; readonly path: string }

/** Options of a source that is reached over the network or the disk. */
export interface LocateOptions {
  /** Used for every request in place of the global fetch. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** Node: the folder of downloaded files. Default: `TENSORFERRY_CACHE`, else the user's cache folder. */
  readonly cacheDir?: string | undefined
  /**
   * Browsers: where downloads are kept. `cache` (default): the Cache API, and files over 2 GB in the origin's private
   * file system; `opfs`: all of them there; `memory`: nowhere, for this load alone.
   */
  readonly downloads?: 'cache' | 'opfs' | 'memory' | undefined
}

/** A backend as a config names it: package and options. */
type BackendName = readonly [name: string, options?: unknown]

/** What the environment and the config file ask for. */
export interface BackendConfig {
  readonly backends: readonly BackendName[]
  readonly verify?: 'off' | 'smoke' | 'full'
  /** The variable or the file, for reports. */
  readonly from: string
  /** Folder that names are resolved from. */
  readonly folder: string
}

/** Everything that differs between Node and a browser. The only files that touch fs, fetch and image codecs implement it. */
export interface Platform {
  readonly name: 'node' | 'web'
  readonly codecs: ImageCodecs
  /** Finds what a string or URL points to. */
  locate(source: string | URL, options: LocateOptions & LoadOptions): Promise<Located>
  /** What was downloaded and kept. */
  downloadStore(options: LocateOptions): Promise<DownloadStore>
  /** Artifacts of a `bundle.local.json`, compiled for this machine; a browser has none. */
  localArtifacts(files: Files, manifest: Manifest, options?: LoadOptions): Promise<readonly LocalArtifact[]>
  /** sha256 in lower-case hex. */
  sha256(content: Uint8Array | Blob): Promise<string>
  /** The environment's or the nearest config file's choice; null: neither says. */
  findBackendConfig(): Promise<BackendConfig | null>
  /** Folder that names passed in code are resolved from. */
  appFolder(): string
  /** Imports a package or file, resolved from `folder`, and calls the factory that it exports; nobody has looked at what that gave. */
  importBackend(name: string, options: unknown, folder: string): Promise<unknown>
}
