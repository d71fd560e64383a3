import { type LibtorchOptions, libtorch } from '@tensorferry/backend-libtorch'
import { type BackendFeatures, casesFor, fixturesFor } from '@tensorferry/core/testing'
import { describe, test } from 'vitest'

export const features: BackendFeatures = {
  offThread: true,
  readsFiles: true,
  dtypes: ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'],
}

/** Declares every case of the kit that suits TorchScript, for a backend with these options. */
export function conformance(options: LibtorchOptions): void {
  const context = { backend: libtorch(options), features }
  for (const fixture of fixturesFor('torchscript', features)) {
    describe(fixture.name, () => {
      test.each(casesFor(fixture, features))('$name', ({ run }) => run(context, fixture))
    })
  }
}
