// Bundled for Chromium: the kit in front of a server, from a page of another origin.
import { type RemoteProtocol, remote } from '@tensorferry/backend-remote'
import { type ConformanceReport, fixturesFor, runConformance } from '@tensorferry/core/testing'
import { features } from '../features.ts'

declare global {
  /** What the test calls. */
  var conformanceOf: (url: string, protocol: RemoteProtocol) => Promise<ConformanceReport>
  /** The code of what `grpc` gives in a page. */
  var grpcCode: () => Promise<string>
}

globalThis.conformanceOf = (url, protocol) =>
  runConformance({
    backend: (fixture) => remote({ url, model: fixture.name, protocol }),
    features,
    fixtures: fixturesFor('onnx', features),
  })

globalThis.grpcCode = async () => {
  const answer = await remote({ url: 'grpc://127.0.0.1:1', model: 'general' }).probe()
  return answer.available ? 'available' : answer.code
}
