import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type RemoteProtocol, remote } from '@tensorferry/backend-remote'
import { casesFor } from '@tensorferry/core/testing'
import { type Server, serve } from '@tensorferry/server'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { features } from './features.ts'
import { servedFixtures, writeFixtures } from './servers/fixture-files.ts'

let server: Server
let fixtures: Awaited<ReturnType<typeof writeFixtures>>
beforeAll(async () => {
  fixtures = await writeFixtures()
  server = await serve({
    backend: onnxNode({ threads: 1 }),
    port: 0,
    grpcPort: 0,
    models: fixtures.files.map(({ fixture, model }) => ({ name: fixture.name, source: model })),
  })
})
afterAll(async () => {
  await server?.close()
  await fixtures?.remove()
})

describe.each<RemoteProtocol>(['rest-json', 'rest-binary', 'grpc'])('tensorferry serve, %s', (protocol) => {
  describe.each(servedFixtures)('$name', (fixture) => {
    test.each(casesFor(fixture, features))('$name', ({ run }) => {
      const url = protocol === 'grpc' ? server.grpcUrl! : server.url
      return run({ backend: remote({ url, model: fixture.name, protocol }), features }, fixture)
    })
  })
})
