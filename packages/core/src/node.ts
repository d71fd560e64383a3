// For backends and tools that run in Node alone; the main entry has what runs everywhere.
export type { KnownBackend } from './known-backends.ts'
export { BACKENDS, installAdvice, PUBLISHED_BACKENDS } from './known-backends.ts'
export { type ImageHeader, readImageHeader } from './platform/image-header.ts'
export { openBackend } from './platform/node-backend.ts'
export { CONFIG_FILE, findBackendConfig } from './platform/node-config.ts'
export { hashFile, openFileSource } from './platform/node-files.ts'
export type { BackendConfig } from './platform/platform.ts'
