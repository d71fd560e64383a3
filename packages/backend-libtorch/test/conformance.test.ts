import { libtorch } from '@tensorferry/backend-libtorch'
import { type BackendFeatures, casesFor, fixturesFor } from '@tensorferry/core/testing'
import { describe, test } from 'vitest'
import { debianRoot, describeWithDebian, describeWithLibtorch, libtorchRoot } from './environment.ts'

const features: BackendFeatures = {
  offThread: true,
  readsFiles: true,
  dtypes: ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'],
}
const fixtures = fixturesFor('torchscript', features)

function conformance(options: Parameters<typeof libtorch>[0]): void {
  const context = { backend: libtorch(options), features }
  for (const fixture of fixtures) {
    describe(fixture.name, () => {
      test.each(casesFor(fixture, features))('$name', ({ run }) => run(context, fixture))
    })
  }
}

if (fixtures.length === 0) test.todo('TorchScript fixtures in the kit')
else {
  describeWithLibtorch('libtorch', () => conformance({ libtorch: libtorchRoot }))
  describeWithLibtorch('libtorch frozen, two replicas', () =>
    conformance({ libtorch: libtorchRoot, freeze: true, replicas: 2 }),
  )
  describeWithDebian('libtorch 1.13', () => conformance({ libtorch: debianRoot }))
}
