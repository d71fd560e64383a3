import type { ByteSource } from './format/byte-source.ts'
import type { Signature, TensorSpec } from './signature.ts'
import type { Tensors } from './tensor.ts'

/** What a model file holds, found by looking into it. */
export type ModelFormat = 'onnx' | 'torchscript' | 'aot-inductor'

/** Accepted by every async call of the SDK. */
export interface CallOptions {
  /** Settles the call with `ABORTED`. A run that has begun keeps its worker busy until it ends, unseen: later runs wait for it. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds, more than 0, until the call settles with `TIMED_OUT`; what it began goes on as with `signal`. */
  readonly timeoutMs?: number | undefined
}

/** One step of a download or load, in bytes where `file` is given. */
export interface Progress {
  readonly phase: 'download' | 'verify' | 'load' | 'warmup'
  readonly file?: string
  readonly loaded: number
  /** null: not known. */
  readonly total: number | null
  /** `download`: bytes that an earlier try had brought, when it goes on from there. */
  readonly resumed?: number
}

/** {@link CallOptions} with a progress callback. */
export interface LoadOptions extends CallOptions {
  /** Told of every download, check, load and warm-up. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** One file of an artifact. */
export interface ArtifactFile {
  /** POSIX, relative to the first file. */
  readonly path: string
  /** Bytes; null: not known yet. */
  readonly size: number | null
  /** Lower-case hex; null: nobody vouches for the content. */
  readonly sha256: string | null
  /** Checked content, a new buffer on every call: a backend may transfer it, the next one in the list asks again. */
  bytes(options?: LoadOptions): Promise<Uint8Array<ArrayBuffer>>
  /** On Node: where it lies, for a runtime that reads by path; undefined: the disk did not take it, ask for bytes. */
  localFile?(options?: LoadOptions): Promise<LocalFile | undefined>
}

/**
 * A file on disk. A small one has been checked when a backend gets this, a large one (over 32 MiB) is while the runtime
 * reads it: {@link LocalFile.confirm} has the last word.
 */
export interface LocalFile {
  /** Absolute, siblings beside it. */
  readonly path: string
  /** To look into it; a file that is another by now is an error. */
  readonly source: ByteSource
  /**
   * Ask after it was read, before anything of it is used; before as well where it holds code. Also when the runtime refuses the
   * file: that it is damaged says more.
   *
   * @throws TensorferryError `INTEGRITY_FAILED` when its content is not the listed one, or the file was changed, moved or
   *   replaced since it was opened
   */
  confirm(): Promise<void>
}

/** One form of the model, for one or more backends. */
export interface Artifact {
  readonly name: string
  readonly format: ModelFormat
  /** The model first, then external data: a backend never reads a file that is not listed here. */
  readonly files: readonly [ArtifactFile, ...ArtifactFile[]]
  /** Such as `{ opset: 20 }` or `{ torch: '>=1.13' }`. */
  readonly requires: Readonly<Record<string, string | number>>
}

/** No artifact: the backend's `formats` is empty (a server holds the model). No signature: a bare file or a bare server. */
export interface SessionSource {
  readonly artifact?: Artifact
  readonly signature?: Signature
}

/** Whether a backend can work here, and if not, why and what to do. */
export type Availability =
  | { readonly available: true }
  | { readonly available: false; readonly code: string; readonly reason: string; readonly hint: string }

/** What runs the model, for reports. */
export interface RuntimeInfo {
  readonly name: string
  readonly version: string
  readonly device: string
  readonly provider: string | null
  /** Threads of one run; null: not known. */
  readonly threads: number | null
  /** Runs that may be in progress at once; default 1. */
  readonly replicas?: number
  /** Execution providers of this one backend that were tried before, and why each was passed over. */
  readonly refused?: readonly { readonly provider: string; readonly reason: string }[]
  /** What could be better here, and how to get there; joins the report's. */
  readonly warnings?: readonly string[]
}

/** A backend is a value made by its package's factory (also the package's default export). Importing it has no effect. */
export interface Backend<S extends Session = Session> {
  readonly apiVersion: 1
  readonly name: string
  /** What it reads, best first; empty when it needs no file. */
  readonly formats: readonly ModelFormat[]
  /** Whether it can work here, and if not, why and what to do. Loads no model. */
  probe(options?: CallOptions): Promise<Availability>
  /** Loads a model. Fails with a typed error; never falls back on its own. */
  createSession(source: SessionSource, options?: LoadOptions): Promise<S>
}

/** A loaded model on one backend: tensors in, tensors out. */
export interface Session {
  /** The signature's, or what the runtime itself knows of a bare file. */
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly runtime: RuntimeInfo
  /** Checks with core's `checkInputs` first (a session used on its own is as safe as a model). Inputs stay unchanged, outputs are the caller's. */
  run(inputs: Tensors, options?: CallOptions): Promise<Tensors>
  /** Present when the model keeps state between runs: then one replica, serial, never batched. */
  reset?(options?: CallOptions): Promise<void>
  /** Ends the session and gives its memory back. Runs in progress end first; waiting ones reject with `SESSION_DISPOSED`. Safe to call twice. */
  dispose(): Promise<void>
}
