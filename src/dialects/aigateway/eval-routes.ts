import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { ValenceError } from '../../errors.ts'
import { centsOf } from '../../gateway/money.ts'
import type { EvalRow, EvalSummary, Evals } from '../../jobs/evals/evals.ts'
import type { CandidateScore } from '../../jobs/evals/score.ts'
import { callOf } from '../dialect.ts'
import { EvalBody, EvalList, EvalObject, EvalParams, ListQuery } from './eval-schemas.ts'
import { ErrorBody } from './schemas.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const tags = ['Evals']

/** Clients expect the answer to hold the winner; what takes longer than they wait is looked up again. */
const WAIT_MS = 25_000

const USUAL_LIMIT = 50

/** Candidates compared over a dataset; `eval:<id>` is then the winner's name. */
export function evalRoutes(evals: Evals): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/evals',
      {
        schema: {
          summary: 'Compare models over a dataset',
          description:
            'Every text is a call of its own for every candidate, metered and charged as such. Answers when all is done, ' +
            'or after 25 s with the status "running".',
          tags,
          body: EvalBody,
          response: { 201: EvalObject, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { name, candidate_models: candidateModels, dataset, metric } = request.body
        const { caller, route, tag } = callOf(request, reply)
        const wanted = {
          name: name ?? undefined,
          candidateModels,
          dataset: dataset.map(textOf),
          metric: metric ?? ('quality' as const),
        }
        return reply.code(201).send(evalObject(await evals.run({ caller, route, tag }, wanted, WAIT_MS)))
      },
    )

    app.get(
      '/v1/evals',
      { schema: { summary: 'List the evals', tags, querystring: ListQuery, response: { 200: EvalList, ...ERRORS } } },
      async ({ caller, query: { limit = USUAL_LIMIT } }) => ({
        object: 'list' as const,
        data: (await evals.list(caller.accountId, Number(limit))).map(evalObject),
      }),
    )

    app.get(
      '/v1/evals/:id',
      { schema: { summary: 'Say how an eval is', tags, params: EvalParams, response: { 200: EvalObject, ...ERRORS } } },
      async ({ caller, params }) => evalObject(await evals.get(caller.accountId, params.id)),
    )
  }
}

function textOf({ input, expected }: Static<typeof EvalBody>['dataset'][number], index: number) {
  const text = typeof input === 'string' ? input : (input.findLast(({ role }) => role === 'user')?.content ?? '')
  if (text === '') {
    const field = `dataset[${index}].input`
    throw new ValenceError('invalid_request', `${field} holds no message with the role "user" and a text.`, { field })
  }
  return { text, expected: typeof expected === 'string' ? expected : expected?.label }
}

function evalObject(row: EvalRow): Static<typeof EvalObject> {
  const { basis, scores = [] } = (row.summary ?? {}) as Partial<EvalSummary>
  return {
    id: row.id,
    object: 'eval',
    name: row.name,
    alias: `eval:${row.id}`,
    candidate_models: row.candidateModels,
    dataset_size: row.datasetSize,
    metric: row.metric,
    status: row.status,
    winner_model: row.winnerModel,
    winning_model: row.winnerModel,
    summary: { ...(basis && { basis }), models: scores.map(candidateSummary) },
    error: row.error,
    created_at: Math.floor(row.createdAt.getTime() / 1000),
  }
}

function candidateSummary(score: CandidateScore): Static<typeof EvalObject>['summary']['models'][number] {
  return {
    model: score.model,
    answered: score.answered,
    failed: score.failed,
    accuracy: score.accuracy,
    macro_f1: score.macroF1,
    cost_cents: centsOf(score.costMicros),
    latency_p50_ms: score.latencyP50Ms,
    latency_p95_ms: score.latencyP95Ms,
  }
}
