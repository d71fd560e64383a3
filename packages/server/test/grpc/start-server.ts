import { onnxNode } from '@tensorferry/backend-onnx-node'
import { fixturesFor } from '@tensorferry/core/testing'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { resolveOptions } from '../../src/check-options.ts'
import { createGrpc } from '../../src/grpc/create-grpc.ts'
import { RequestObserver } from '../../src/observe/request-observer.ts'
import type { ModelOptions, ServerOptions } from '../../src/options.ts'
import { bundlePath, loadModels } from '../load-models.ts'

/** A model of the conformance kit as the server takes it. */
export async function fixtureModel(name: string): Promise<ModelOptions> {
  const fixture = fixturesFor('onnx').find((one) => one.name === name)!
  const { artifact } = await fixture.load()
  return { name, source: await artifact.files[0].bytes() }
}
/** gRPC alone on a free port, until the test ends. */
export async function startServer(options: Partial<ServerOptions> = {}) {
  const all = { backend: onnxNode({ threads: 1 }), grpcPort: 0, models: [bundlePath('digits')], ...options }
  const { repository, metrics } = await loadModels(all)
  const logger = pino({ enabled: false })
  const observer = new RequestObserver(metrics, logger)
  let draining = false
  const listeners = new Set<() => void>()
  const context = {
    repository,
    metrics,
    logger,
    observer,
    options: resolveOptions(all),
    live: () => true,
    ready: () => repository.isAllReady && !draining,
    onReadiness: (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    get draining() {
      return draining
    },
  }
  const listener = await createGrpc(context)
  onTestFinished(() => listener.cut())
  return {
    repository,
    metrics,
    grpcUrl: listener.url,
    address: listener.url.replace(/^grpcs?:\/\//, ''),
    inProgress: () => observer.inProgress,
    close: () => {
      draining = true
      for (const listener of listeners) listener()
      return listener.close()
    },
  }
}
