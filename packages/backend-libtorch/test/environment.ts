import { describe, inject } from 'vitest'

const { libtorch, debian } = inject('environment')

/** Root of the libtorch under test; empty where there is none. */
export const libtorchRoot = 'root' in libtorch ? libtorch.root : ''

/** Root of Debian's libtorch 1.13; empty where it is not installed. */
export const debianRoot = 'root' in debian ? debian.root : ''

/** `describe` where a libtorch is there; the reason for the skip has been printed by the set-up. */
export const describeWithLibtorch = describe.skipIf(!libtorchRoot)

/** `describe` where Debian's libtorch is there. */
export const describeWithDebian = describe.skipIf(!debianRoot)
