// Stores 9,000 bytes in the cache folder that it is given, and says what came of it.
import { createHash } from 'node:crypto'
import { diskDownloadStore } from '../../src/platform/node-download-store.ts'

const content = Uint8Array.from({ length: 9000 }, (_, index) => index % 251)
const store = diskDownloadStore(process.argv[2])
async function* chunks() {
  for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000)
}
const stored = await store.put(chunks(), { url: 'https://models.example/a', etag: null, resumed: 0, total: null })
const bytes = createHash('sha256')
  .update(await stored.bytes())
  .digest('hex')
const { size, sha256 } = stored
const path = stored.openLocal?.().path ?? null
console.log(JSON.stringify({ size, sha256, bytes, path, warnings: store.warnings }))
