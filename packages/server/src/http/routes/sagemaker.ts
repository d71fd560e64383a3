import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ServerContext } from '../../context.ts'
import type { JsonPool } from '../../encode/json-pool.ts'
import type { ServedModel } from '../../models/served-model.ts'
import { HttpRefusal } from '../http-refusal.ts'
import { inferWith } from '../infer.ts'
import { observe } from '../observed.ts'
import type { Predict } from './predict.ts'

/** Which of several models is asked: what SageMaker calls it, and a shorter way. */
const TARGET_HEADER = 'x-amzn-sagemaker-target-model'

function chooseModel({ repository }: ServerContext, { headers, query }: FastifyRequest): ServedModel {
  const header = headers[TARGET_HEADER]
  const { model } = query as { readonly model?: unknown }
  const wanted = typeof header === 'string' ? header : model
  if (typeof wanted === 'string') return repository.get(wanted)
  const names = [...new Set(repository.index().map(({ name }) => name))]
  if (names.length === 1) return repository.get(names[0]!)
  throw new HttpRefusal(
    400,
    'INPUT_INVALID',
    `this server has ${names.length} models; say which: ?model=NAME, or the header X-Amzn-SageMaker-Target-Model; there are ${names.join(', ').slice(0, 500)}`,
  )
}

/** Tensors of the Open Inference Protocol: what they are sent as begins with their list. */
function isInferRequest(body: Buffer | undefined): boolean {
  if (!body) return false
  const head = body.subarray(0, 200).toString('latin1')
  return /^\s*\{\s*"(?:inputs|id)"\s*:/.test(head)
}

/** What a container on SageMaker answers: `/invocations`; its `/ping` is there anyway. */
export function routeSageMaker(app: FastifyInstance, context: ServerContext, predict: Predict, json: JsonPool): void {
  const infer = inferWith(json)
  app.post(
    '/invocations',
    observe(context, 'predict', (request, reply, call) => {
      const model = chooseModel(context, request)
      return isInferRequest(request.body as Buffer | undefined)
        ? infer(request, reply, call, model)
        : predict(request, reply, call, model, 'own')
    }),
  )
}
