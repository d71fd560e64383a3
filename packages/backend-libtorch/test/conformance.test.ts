import { conformance } from './conformance-kit.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

describeWithLibtorch('libtorch', () => conformance({ libtorch: libtorchRoot }))
describeWithLibtorch('libtorch frozen, two replicas', () =>
  conformance({ libtorch: libtorchRoot, freeze: true, replicas: 2 }),
)
