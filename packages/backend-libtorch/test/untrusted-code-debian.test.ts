import { debianRoot, describeWithDebian } from './environment.ts'
import { untrustedFiles } from './untrusted-kit.ts'

// A file of its own: a process opens one libtorch.
describeWithDebian('what a TorchScript file may do without trust, libtorch 1.13', () => untrustedFiles(debianRoot))
