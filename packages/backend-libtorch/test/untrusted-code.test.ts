import { describeWithLibtorch, libtorchRoot } from './environment.ts'
import { untrustedFiles } from './untrusted-kit.ts'

describeWithLibtorch('what a TorchScript file may do without trust', () => untrustedFiles(libtorchRoot))
