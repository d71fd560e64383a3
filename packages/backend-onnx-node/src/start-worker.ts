import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { workerFlags } from '@tensorferry/core/node'
import workerText from 'worker-text'
import type { GuardState } from './exit-guard.ts'
import { findRuntime } from './find-runtime.ts'
import { mapError } from './map-error.ts'

/** What a worker is told when it starts. */
export interface WorkerData {
  readonly state: GuardState
  /** Absolute path of onnxruntime-node's entry; null: the worker sees it from its own file. */
  readonly runtime: string | null
}

/** The worker's file beside this one; null: a bundler has taken this code elsewhere, without it. */
function workerFile(): string | null {
  if (!import.meta.url) return null
  try {
    // Not `new URL`: a bundler would copy the file, or build it again.
    const file = join(dirname(fileURLToPath(import.meta.url)), 'worker.js')
    return existsSync(file) ? file : null
  } catch {
    // Such as an address of a bundler's own.
    return null
  }
}

/**
 * Starts a thread, from its file, or in a bundled app from the text of it.
 *
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it cannot be started
 */
export function startWorker(state: GuardState): Worker {
  const file = workerFile()
  const workerData: WorkerData = { state, runtime: file ? null : findRuntime() }
  const options = { name: 'tensorferry-onnx', workerData, execArgv: workerFlags() }
  try {
    return file ? new Worker(file, options) : new Worker(workerText, { ...options, eval: true })
  } catch (error) {
    // Such as Node's permission model without --allow-worker.
    throw mapError(error, 'start')
  }
}
