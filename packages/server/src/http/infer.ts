import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.ts'
import type { JsonPool } from '../encode/json-pool.ts'
import type { ServedModel } from '../models/served-model.ts'
import { selectOutputs } from '../protocol/infer-reply.ts'
import { toldValue } from '../protocol/told-value.ts'
import { clientTimeoutOf } from './client-timeout.ts'
import { HttpRefusal } from './http-refusal.ts'
import type { Work } from './observed.ts'
import { compress, wantedEncoding } from './reply-compression.ts'
import type { ModelParams } from './routes/models.ts'

/** Node sends the head and a string together, but the head and bytes as two buffers: slower for short replies. */
const ONE_WRITE_BYTES = 8 * 1024
const HEADER_BYTES = 'inference-header-content-length'

function headerBytesOf(value: string | readonly string[] | undefined): number | null {
  if (value === undefined) return null
  const bytes = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isNaN(bytes)) return bytes
  throw new HttpRefusal(
    400,
    'INPUT_INVALID',
    `expected ${HEADER_BYTES} to be a number of bytes, got ${toldValue(value)}`,
  )
}

type Infer = (
  request: FastifyRequest,
  reply: FastifyReply,
  call: Parameters<Work<unknown>>[2],
  model: ServedModel,
) => Promise<FastifyReply>

/** `POST /v2/models/MODEL/infer`: reads the body, runs the model, writes the reply. */
export function inferWork({ repository }: Pick<ServerContext, 'repository'>, json: JsonPool): Work<ModelParams> {
  const infer = inferWith(json)
  return (request, reply, call) => {
    const { model, version } = request.params
    return infer(request, reply, call, repository.get(model, version))
  }
}

/** The same of a model that is known already. */
export function inferWith(json: JsonPool): Infer {
  return async (request, reply, { observed, signal }, model) => {
    observed.setModel(model.name, model.version)
    const body = request.body as Buffer | undefined
    if (!body) throw new HttpRefusal(400, 'INPUT_INVALID', 'the request has no body; send the inputs as JSON')
    const timeoutMs = clientTimeoutOf(request)
    const read = await json.read(body, headerBytesOf(request.headers[HEADER_BYTES]))
    const outputs = await observed.run(() =>
      model.infer(read.inputs, {
        outputs: read.outputs?.map((output) => output.name),
        signal,
        timeoutMs: Math.min(read.timeoutMs ?? Number.POSITIVE_INFINITY, timeoutMs),
      }),
    )
    const written = await json.write({
      model: model.name,
      version: model.version,
      id: read.id,
      outputs: selectOutputs(read, outputs, model.labels),
    })
    const { body: encoded, headerBytes } = written
    if (headerBytes !== null) reply.header('Inference-Header-Content-Length', String(headerBytes))
    reply.type(headerBytes === null ? 'application/json' : 'application/octet-stream')
    const encoding = wantedEncoding(request.headers['accept-encoding'])
    const packed = encoding === null ? null : compress(encoded, encoding)
    if (packed === null) {
      const isShort = headerBytes === null && encoded.byteLength < ONE_WRITE_BYTES
      if (isShort) return reply.send(Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength).toString())
      // All of it has been handed to the system. Where the client leaves before, its memory is not used again.
      reply.raw.once('finish', () => json.sent(written))
      return reply.send(encoded)
    }
    return reply
      .header('content-encoding', encoding!)
      .header('vary', 'accept-encoding')
      .send(await packed)
  }
}
