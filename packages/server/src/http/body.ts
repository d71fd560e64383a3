import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate, inflateRaw } from 'node:zlib'
import { TensorferryError } from '@tensorferry/core'
import { toldValue } from '../protocol/told-value.ts'
import { HttpRefusal } from './http-refusal.ts'
import { joinChunks } from './join-chunks.ts'

const inflaters = { gzip: promisify(gunzip), deflate: promisify(inflate) }
const inflateBare = promisify(inflateRaw)

/** What of all bodies together may be in memory, as a multiple of what one may have. */
const BODIES_AT_ONCE = 16

function tooLarge(limit: number): HttpRefusal {
  const headers = { connection: 'close' }
  return new HttpRefusal(
    413,
    'BODY_TOO_LARGE',
    `the body, unpacked, is larger than this server's ${limit} bytes (its option bodyLimit, --body-limit)`,
    headers,
  )
}

/** A request whose client waits for a word before it sends the body. */
export interface WaitingMessage extends IncomingMessage {
  /** `100 Continue`. */
  welcome?: () => void
}

/** Reads bodies, and keeps what all of them take within bounds. */
export class BodyReader {
  readonly #limit: number
  #held = 0

  /** @param limit - bytes of one body, after it is unpacked */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that are held: taken while a body is read, until {@link BodyReader.release}. */
  get held(): number {
    return this.#held
  }

  /** Gives back what a request's body took. */
  release(bytes: number): void {
    this.#held -= bytes
  }

  /**
   * The body of a request, unpacked.
   *
   * @throws HttpRefusal 413, 415 for an encoding that is not known; TensorferryError `OVERLOADED`, `INPUT_INVALID`, `ABORTED`
   */
  async read(message: WaitingMessage): Promise<Buffer> {
    const encoding = (message.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
    if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'x-gzip' && encoding !== 'deflate') {
      const known = { 'accept-encoding': 'gzip, deflate' }
      throw new HttpRefusal(
        415,
        'FORMAT_UNSUPPORTED',
        `the body is packed as ${toldValue(encoding)}, expected gzip, deflate, or no Content-Encoding`,
        known,
      )
    }
    const declared = Number(message.headers['content-length'] ?? 0)
    if (declared > this.#limit) throw tooLarge(this.#limit)
    message.welcome?.()
    const packed = await this.#collect(message)
    if (encoding === 'identity' || packed.length === 0) return packed
    try {
      const body = await this.#unpack(packed, encoding === 'deflate' ? 'deflate' : 'gzip')
      this.#hold(body.length - packed.length)
      return body
    } catch (error) {
      this.release(packed.length)
      throw error
    }
  }

  #hold(bytes: number): void {
    if (this.#held + bytes > this.#limit * BODIES_AT_ONCE) {
      throw new TensorferryError(
        'OVERLOADED',
        'the bodies of the requests in progress take all the memory there is for them',
      )
    }
    this.#held += bytes
  }

  #collect(message: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      const settle = (error: unknown): void => {
        message.off('data', onData).off('end', onEnd).off('error', onGone).off('aborted', onGone)
        if (error === null) {
          resolve(chunks.length === 1 ? chunks[0]! : joinChunks(chunks))
          return
        }
        this.release(size)
        // Nobody reads the rest: the connection ends with the reply.
        message.resume()
        reject(error)
      }
      const onData = (chunk: Buffer): void => {
        try {
          if (size + chunk.length > this.#limit) throw tooLarge(this.#limit)
          this.#hold(chunk.length)
        } catch (error) {
          settle(error)
          return
        }
        size += chunk.length
        chunks.push(chunk)
      }
      const onEnd = (): void => settle(null)
      const onGone = (): void =>
        settle(new TensorferryError('ABORTED', 'the client left before its request was complete'))
      message.on('data', onData).on('end', onEnd).on('error', onGone).on('aborted', onGone)
    })
  }

  async #unpack(packed: Buffer, encoding: 'gzip' | 'deflate'): Promise<Buffer> {
    const options = { maxOutputLength: this.#limit }
    // zlib's wrapping is what the standard says of deflate; the bare stream is what some clients send.
    const isBare = encoding === 'deflate' && (packed[0]! & 0x0f) !== 8
    try {
      return await (isBare ? inflateBare(packed, options) : inflaters[encoding](packed, options))
    } catch (cause) {
      if ((cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(this.#limit)
      throw new TensorferryError('INPUT_INVALID', `the body says that it is ${encoding}, and is not`, { cause })
    }
  }
}
