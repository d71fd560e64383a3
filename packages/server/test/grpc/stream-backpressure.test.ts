import { connect } from 'node:http2'
import { inferenceService } from '@tensorferry/inference-protocol/grpc-service'
import { expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'
import { rawClient } from './raw-client.ts'
import { startServer } from './start-server.ts'

const MODEL = 'super-resolution-x3'
const SIZE = 100
/** A reply of 360 kB: a few of them fill what connections hold. */
const request = (id: string) => ({
  model_name: MODEL,
  id,
  inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 1, SIZE, SIZE] }],
  raw_input_contents: [Buffer.from(new Float32Array(SIZE * SIZE).fill(0.5).buffer)],
})

/** A stream of HTTP/2 whose replies nobody takes until it is resumed. */
function unread(address: string) {
  const session = connect(`http://${address}`)
  onTestFinished(() => session.destroy())
  const { path, requestSerialize, responseDeserialize } = inferenceService().ModelStreamInfer!
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.pause()
  return {
    stream,
    send(message: unknown): void {
      const content = requestSerialize(message)
      const prefix = Buffer.alloc(5)
      prefix.writeUInt32BE(content.length, 1)
      stream.write(Buffer.concat([prefix, content]))
    },
    /** The ids of the next replies. */
    async take(count: number): Promise<string[]> {
      const ids: string[] = []
      let rest = Buffer.alloc(0)
      for await (const chunk of stream) {
        rest = Buffer.concat([rest, chunk])
        while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
          const size = 5 + rest.readUInt32BE(1)
          const { error_message, infer_response } = responseDeserialize(rest.subarray(5, size)) as {
            error_message: string
            infer_response: { id: string }
          }
          ids.push(error_message || infer_response.id)
          rest = rest.subarray(size)
        }
        if (ids.length === count) break
      }
      return ids
    },
  }
}

test('a client that does not read its stream is not read either, and loses nothing', async () => {
  const { address, repository } = await startServer({ models: [bundlePath(MODEL)] })
  const model = repository.get(MODEL)
  const client = unread(address)
  const ids = Array.from({ length: 120 }, (_, index) => String(index))
  for (const id of ids) client.send(request(id))
  // Others are served meanwhile; what the stream waits for would run between their requests.
  const other = rawClient(address)
  let own = 0
  for (let alone = 0; alone < 10; own++) {
    const before = model.statistics().inferenceCount
    await other.call('ModelInfer', request('other'))
    alone = model.statistics().inferenceCount === before + 1 ? alone + 1 : 0
  }
  expect(model.statistics().inferenceCount - own).toBeLessThan(ids.length / 2)
  expect(await client.take(ids.length)).toEqual(ids)
})

test('a client that leaves without reading leaves nothing behind', async () => {
  const { address, repository, inProgress } = await startServer({ models: [bundlePath(MODEL)] })
  const stream = rawClient(address).stream('ModelStreamInfer')
  stream.on('error', () => {})
  for (let index = 0; index < 60; index++) stream.write(request(String(index)))
  await expect.poll(() => repository.get(MODEL).statistics().inferenceCount).toBeGreaterThan(0)
  stream.cancel()
  await expect.poll(inProgress).toBe(0)
  expect(await rawClient(address).call('ModelInfer', request('next'))).toMatchObject({ id: 'next' })
})
