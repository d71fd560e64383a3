import { devicesInCode } from './devices-kit.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

describeWithLibtorch('libtorch', () => devicesInCode(libtorchRoot))
