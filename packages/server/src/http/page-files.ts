import { fileURLToPath } from 'node:url'

/** A file of the upload page; the build puts the folder beside its code. */
export function pageFile(name: string): string {
  return fileURLToPath(new URL(`./page/${name}`, import.meta.url))
}
