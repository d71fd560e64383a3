import { TensorferryError } from '@tensorferry/core'
import type { Protocol } from '../connection.ts'

/** Browsers give no page the frames of HTTP/2 that gRPC needs. @throws TensorferryError `BACKEND_UNAVAILABLE` */
export function grpcProtocol(): Protocol {
  throw new TensorferryError(
    'BACKEND_UNAVAILABLE',
    'remote: gRPC is spoken in Node alone; in a browser give the address of the server for REST (http:// or https://)',
  )
}
