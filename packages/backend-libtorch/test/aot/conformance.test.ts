import { readFileSync } from 'node:fs'
import { libtorch } from '@tensorferry/backend-libtorch'
import { type ConformanceFixture, casesFor, fixturesFor, type Golden } from '@tensorferry/core/testing'
import { describe, test } from 'vitest'
import { features } from '../conformance-kit.ts'
import { describeWithPackages, libtorchRoot } from '../environment.ts'
import { packageOf, packagePath } from './package-file.ts'

/** torch.export takes a width of 1 or 2 for another model, where a model takes every other column. */
function isCompiledFor({ inputs: { input } }: Golden): boolean {
  return !(input?.shape.length === 4 && input.shape[3]! < 3)
}

/** The kit holds no native code: its models are compiled here, its signatures and goldens are the same. */
const fixtures: ConformanceFixture[] = fixturesFor('torchscript', features).map((fixture) => ({
  ...fixture,
  format: 'aot-inductor',
  load: async () => {
    const artifact = packageOf(() => readFileSync(packagePath(`kit-${fixture.name}`)))
    const loaded = await fixture.load()
    return { ...loaded, artifact, goldens: loaded.goldens.filter(isCompiledFor) }
  },
}))

describeWithPackages.each([{ replicas: 1 }, { replicas: 2, threads: 1 }])('libtorch, compiled, %o', (options) => {
  const context = { backend: libtorch({ libtorch: libtorchRoot, trust: 'native-code', ...options }), features }
  for (const fixture of fixtures) {
    describe(fixture.name, () => {
      test.each(casesFor(fixture, features))('$name', ({ run }) => run(context, fixture))
    })
  }
})
