import { type RemoteProtocol, remote } from '@tensorferry/backend-remote'
import { casesFor } from '@tensorferry/core/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { features } from './features.ts'
import { servedFixtures } from './servers/fixture-files.ts'
import { startMlserver } from './servers/mlserver.ts'

let server: Awaited<ReturnType<typeof startMlserver>>
beforeAll(async () => {
  server = await startMlserver()
}, 300_000)
afterAll(() => server?.stop())

describe.each<{ protocol: RemoteProtocol; notFinite: boolean }>([
  // MLServer writes NaN and infinities as null.
  { protocol: 'rest', notFinite: false },
  { protocol: 'grpc', notFinite: true },
])('MLServer, $protocol', ({ protocol, notFinite }) => {
  const served = { ...features, notFinite }
  describe.each(servedFixtures)('$name', (fixture) => {
    test.each(casesFor(fixture, served))('$name', ({ run }) => {
      const url = protocol === 'grpc' ? server.grpcUrl : server.url
      const backend = remote({ url, model: fixture.name, protocol })
      return run({ backend, features: served }, fixture)
    })
  })
})
