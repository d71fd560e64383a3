import { type RemoteOptions, remote } from '@tensorferry/backend-remote'
import { expect, test } from 'vitest'

const url = 'http://127.0.0.1:1'

test.each<[unknown, RegExp]>([
  [undefined, /expected options such as/],
  [{ model: 'm' }, /expected url or urls, got neither/],
  [{ url, urls: [url], model: 'm' }, /got both/],
  [{ url }, /model: expected the model's name on the server/],
  [{ url, model: '' }, /model: expected a text/],
  [{ url: '127.0.0.1:8080', model: 'm' }, /begins with http:/],
  [{ url: 'ftp://x', model: 'm' }, /begins with http:/],
  [{ url: 'ftp://user:SECRET@x', model: 'm' }, /got "ftp:\/\/…@x"/],
  [{ url: 'http://user:SECRET@x', model: 'm' }, /^remote: url: http:\/\/x\/ came with a user.*headers/],
  [{ url: 'grpc://SECRET@x:1', model: 'm' }, /^remote: url: grpc:\/\/x:1 came with a user/],
  [{ url: 'http://x/?token=SECRET', model: 'm' }, /^remote: url: http:\/\/x\/ came with .*a query/],
  [{ urls: [], model: 'm' }, /urls: expected a list of URLs/],
  [{ urls: [url, 'grpc://127.0.0.1:1'], model: 'm' }, /all of them to speak REST, or all gRPC/],
  [{ url: 'grpc://127.0.0.1:1', model: 'm', protocol: 'rest' }, /rest does not fit/],
  [{ url, model: 'm', protocol: 'http' }, /protocol: expected one of auto, rest/],
  [{ url, model: 'm', timeoutMs: 0 }, /timeoutMs: expected milliseconds/],
  [{ url, model: 'm', retries: -1 }, /retries: expected a whole number/],
  [{ url, model: 'm', hedging: 5 }, /unknown option 'hedging'/],
  [{ url, model: 'm', timeout: 5 }, /did you mean 'timeoutMs'/],
  [{ url, model: 'm', headers: { a: 1 } }, /headers: expected an object of texts/],
  [{ url: 'https://x', model: 'm', certificateAuthority: 'PEM' }, /certificateAuthority: .*NODE_EXTRA_CA_CERTS/],
  [{ url: 'grpc://x', model: 'm', certificateAuthority: 'PEM' }, /certificateAuthority: it is for grpcs/],
  [{ url: 'grpc://x', model: 'm', fetch }, /fetch: it is for http/],
])('%j is refused with OPTIONS_INVALID', (options, text) => {
  expect(() => remote(options as RemoteOptions)).toThrow(text)
  expect(() => remote(options as RemoteOptions)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
})

test('a message never repeats a key', () => {
  const secret = 12345678 as unknown as string
  expect(() => remote({ url, model: 'm', apiKey: secret })).toThrow(/^(?!.*12345678)/)
})

test('probe says why a server cannot be used, and what to do', async () => {
  for (const address of ['http://127.0.0.1:9', 'grpc://127.0.0.1:9']) {
    const answer = await remote({ url: address, model: 'm', retries: 0 }).probe()
    expect(answer).toMatchObject({ available: false, code: 'BACKEND_UNAVAILABLE' })
    expect((answer as { hint: string }).hint).toContain(address)
  }
})
