import { describe, inject } from 'vitest'

const { libtorch, debian, packages } = inject('environment')

/** Root of the libtorch under test; empty where there is none. */
export const libtorchRoot = 'root' in libtorch ? libtorch.root : ''

/** Root of Debian's libtorch 1.13; empty where it is not installed. */
export const debianRoot = 'root' in debian ? debian.root : ''

/** Folder of the compiled AOTInductor packages; empty where they are not there. */
export const packagesFolder = 'folder' in packages ? packages.folder : ''

/** `describe` where compiled packages are there. */
export const describeWithPackages = describe.skipIf(!packagesFolder)

/** `describe` where a libtorch is there; the reason for the skip has been printed by the set-up. */
export const describeWithLibtorch = describe.skipIf(!libtorchRoot)

/** `describe` where Debian's libtorch is there. */
export const describeWithDebian = describe.skipIf(!debianRoot)
