import { remote } from '@tensorferry/backend-remote'
import { casesFor } from '@tensorferry/core/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { features } from './features.ts'
import { servedFixtures } from './servers/fixture-files.ts'
import { startRay } from './servers/ray.ts'

let server: Awaited<ReturnType<typeof startRay>>
beforeAll(async () => {
  server = await startRay()
}, 600_000)
afterAll(() => server?.stop())

describe.each(servedFixtures)('Ray Serve: $name', (fixture) => {
  test.each(casesFor(fixture, features))('$name', ({ run }) => {
    const backend = remote({ url: server.url, model: fixture.name })
    return run({ backend, features }, fixture)
  })
})
