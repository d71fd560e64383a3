import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../../context.ts'
import { type Parameters, readParameters } from '../../protocol/parameters.ts'
import { bodyText, parseJsonObject } from '../../protocol/parse-json.ts'
import { toldValue } from '../../protocol/told-value.ts'
import type { Access } from '../access.ts'
import { HttpRefusal } from '../http-refusal.ts'
import { observe } from '../observed.ts'
import type { ModelParams } from './models.ts'

/** These requests say little; what is larger has files or a configuration in it. */
const MOST_BYTES = 64 * 1024

function readBody(body: unknown): Record<string, unknown> {
  if (body instanceof Buffer && body.length > MOST_BYTES) {
    throw new HttpRefusal(400, 'INPUT_INVALID', 'no parameters here: no files, no configuration; the body is too large')
  }
  return body instanceof Buffer && body.length > 0 ? parseJsonObject(bodyText(body)) : {}
}

/** Configurations and files that come with the request: what is loaded is what the operator put there. */
function refuseParameters(parameters: Parameters): void {
  const given = Object.keys(parameters).filter((name) => name !== 'unload_dependents')
  if (given.length === 0) return
  throw new HttpRefusal(400, 'INPUT_INVALID', `load takes no parameters here, got ${given.join(', ').slice(0, 200)}`)
}

/** Triton's repository extension: what there is, and for operators loading and unloading. */
export function routeRepository(app: FastifyInstance, context: ServerContext, access: Access): void {
  const { repository } = context
  app.post(
    '/v2/repository/index',
    observe(context, 'index', ({ body }) => {
      const { ready } = readBody(body)
      if (ready !== undefined && typeof ready !== 'boolean') {
        throw new HttpRefusal(400, 'INPUT_INVALID', `expected "ready" to be true or false, got ${toldValue(ready)}`)
      }
      return repository.index().filter(({ state }) => !ready || state === 'READY')
    }),
  )
  for (const action of ['load', 'unload'] as const) {
    app.post(
      `/v2/repository/models/:model/${action}`,
      {
        // Before the body is read.
        onRequest: async (request) => access.requireOperator(request),
      },
      observe<ModelParams>(context, action, async ({ body, params }) => {
        refuseParameters(readParameters(readBody(body).parameters, 'the request'))
        await repository[action](params.model)
        return {}
      }),
    )
  }
}
