import { readFile } from 'node:fs/promises'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ServerContext } from '../../context.ts'
import { openApiDescription } from '../../openapi/description.ts'
import { describeModels } from '../../openapi/examples.ts'
import { serverMetadata } from '../../protocol/server-metadata.ts'
import type { Access } from '../access.ts'
import { observe } from '../observed.ts'
import { pageFile } from '../page-files.ts'
import { publicPrefix } from '../public-prefix.ts'

/** Nothing from elsewhere, nothing inline; pictures that the page itself has read or received. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'self'",
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
  // The page names the prefix.
  vary: 'x-forwarded-prefix',
}
const DESCRIPTION_HEADERS = { 'cache-control': 'no-cache', vary: 'x-forwarded-prefix, authorization, x-api-key' }

/** Before its first address the page has this line, where a proxy's prefix is known: without a slash behind, it would look above. */
function withBase(page: string, prefix: string | null): string {
  return prefix === null ? page : page.replace('<meta charset="utf-8">', `$&\n<base href="${prefix}/">`)
}

/** The upload page, the description of the API, and a page to try it in. */
export async function routePages(app: FastifyInstance, context: ServerContext, access: Access): Promise<void> {
  const { repository, options } = context
  const prefixOf = (request: FastifyRequest): string | null => publicPrefix(request, options.basePath)
  for (const [path, name, type] of [
    ['/', 'index.html', 'text/html; charset=utf-8'],
    ['/page/app.js', 'app.js', 'text/javascript; charset=utf-8'],
    ['/page/results.js', 'results.js', 'text/javascript; charset=utf-8'],
    ['/page/fields.js', 'fields.js', 'text/javascript; charset=utf-8'],
    ['/page/style.css', 'style.css', 'text/css; charset=utf-8'],
  ] as const) {
    const content = await readFile(pageFile(name), 'utf8')
    app.get(
      path,
      observe(context, 'page', (request, reply) => {
        const text = path === '/' ? withBase(content, prefixOf(request)) : content
        return reply.headers(PAGE_HEADERS).type(type).send(text)
      }),
    )
  }

  /** @param root - from the description's address to the server's own, where no prefix is known */
  const describe = async (request: FastifyRequest, root: string): Promise<object> => {
    // Which models there are, and their data, are for who may use them.
    const isUser = options.apiKeys.length === 0 || access.userOf(request) !== null
    const ready = repository.index().filter(({ state }) => state === 'READY')
    const names = isUser ? [...new Set(ready.map(({ name }) => name))] : []
    const models = await describeModels(names.map((name) => repository.get(name)))
    const prefix = prefixOf(request)
    return openApiDescription({
      version: serverMetadata().version,
      server: prefix === null ? root : prefix || '/',
      models,
    })
  }
  app.get(
    '/openapi.json',
    observe(context, 'page', async (request, reply) => {
      const document = await describe(request, './')
      return reply.headers(DESCRIPTION_HEADERS).type('application/json').send(JSON.stringify(document))
    }),
  )
  const documents = new WeakMap<FastifyRequest, object>()
  await app.register(async (scope) => {
    const empty = openApiDescription({ version: serverMetadata().version, server: '/', models: [] })
    await scope.register(swagger, { mode: 'static', specification: { document: empty as never } })
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCS_POLICY,
      logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: '..', target: '_self' },
      theme: { title: 'Tensorferry API', favicon: [ICON] },
      uiConfig: { tryItOutEnabled: true },
      uiHooks: {
        onRequest: async (request, reply) => {
          // Its files are beside it, whatever a proxy has before: relative, so that the prefix stays.
          const [path] = request.url.split(/[?#]/)
          if (path === '/docs') await reply.redirect('docs/', 302)
        },
        preHandler: async (request) => {
          const { url } = request.routeOptions
          if (url === '/docs/json' || url === '/docs/yaml') {
            documents.set(request, await describe(request, '../'))
          }
        },
      },
      transformSpecification: (_, request) => documents.get(request) as Readonly<Record<string, unknown>>,
      transformSpecificationClone: false,
    })
  })
}
