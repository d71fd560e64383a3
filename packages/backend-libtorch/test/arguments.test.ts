import { argumentsOfEveryShape } from './arguments-kit.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

describeWithLibtorch('libtorch', () => argumentsOfEveryShape(libtorchRoot))
