import nodeModule from 'node:module'

/**
 * Node's `createRequire`, which webpack must not see by that name: it would take the calls out, and what they find when the app
 * runs with them.
 */
export const requireFrom: typeof nodeModule.createRequire = nodeModule.createRequire
