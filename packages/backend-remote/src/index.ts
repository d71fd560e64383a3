export { remote, remote as default } from './backend.ts'
export type { RemoteOptions, RemoteProtocol } from './options.ts'
export type { RemoteRuntime, RemoteSession } from './session.ts'
