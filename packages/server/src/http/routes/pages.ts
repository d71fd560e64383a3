import { readFile } from 'node:fs/promises'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../../context.ts'
import { openApiDescription } from '../../openapi/description.ts'
import { serverMetadata } from '../../protocol/server-metadata.ts'
import { observe } from '../observed.ts'
import { pageFile } from '../page-files.ts'

/** Nothing from elsewhere, nothing inline; pictures that the page itself has read or received. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** One style of Swagger UI's stands in its markup, known by its hash; its pictures are data. */
const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The name, in the place of the logo. */
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="32"><text x="0" y="23" font-family="sans-serif" font-size="22" font-weight="700" fill="#fff">Tensorferry</text></svg>'

const ICON = {
  filename: 'icon.svg',
  rel: 'icon',
  type: 'image/svg+xml',
  sizes: 'any',
  content:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#0b5cad" d="M0 1h8v2H5v5H3V3H0z"/></svg>',
}

const PAGE_HEADERS = {
  'content-security-policy': PAGE_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** The upload page, the description of the API, and a page to try it in. */
export async function routePages(app: FastifyInstance, context: ServerContext): Promise<void> {
  for (const [path, name, type] of [
    ['/', 'index.html', 'text/html; charset=utf-8'],
    ['/page/app.js', 'app.js', 'text/javascript; charset=utf-8'],
    ['/page/style.css', 'style.css', 'text/css; charset=utf-8'],
  ] as const) {
    const content = await readFile(pageFile(name))
    app.get(
      path,
      observe(context, 'page', (_, reply) => reply.headers(PAGE_HEADERS).type(type).send(content)),
    )
  }
  const document = openApiDescription(serverMetadata().version)
  const text = JSON.stringify(document)
  app.get(
    '/openapi.json',
    observe(context, 'page', (_, reply) => reply.type('application/json').send(text)),
  )
  await app.register(async (scope) => {
    await scope.register(swagger, { mode: 'static', specification: { document: document as never } })
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCS_POLICY,
      logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: '/', target: '_self' },
      theme: { title: 'Tensorferry API', favicon: [ICON] },
    })
  })
}
