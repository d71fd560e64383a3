import { devicesInCode } from './devices-kit.ts'
import { debianRoot, describeWithDebian } from './environment.ts'

// A file of its own: a process opens one libtorch.
describeWithDebian('libtorch 1.13', () => devicesInCode(debianRoot))
