import type { Reply, Request } from '../messages.ts'
import type { FindObstacle, Ort } from './ort-model.ts'
import { serve } from './serve.ts'

/** What of a dedicated worker's global scope is used; TypeScript's types of it exclude those of a page. */
interface WorkerScope {
  onmessage: (event: { readonly data: Request }) => void
  postMessage(reply: Reply, transfer: ArrayBuffer[]): void
}

/** Makes this web worker serve one model. */
export function answerMessages(ort: Ort, findObstacle?: FindObstacle): void {
  const scope = globalThis as unknown as WorkerScope
  const handle = serve(ort, (reply, transfer) => scope.postMessage(reply, transfer), findObstacle)
  scope.onmessage = ({ data }) => void handle(data)
}
