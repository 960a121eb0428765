import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ValenceError } from '../../errors.ts'
import type { Admission } from '../../gateway/admission.ts'
import { type CallContext, callOf, describeAnswer } from '../dialect.ts'
import { CATEGORIES, canModerate, moderation } from './moderation-categories.ts'
import { ErrorBody } from './schemas.ts'

const Text = Type.String({ minLength: 1 })

const TextPart = Type.Object({ type: Type.Literal('text'), text: Text })

const ModerationBody = Type.Object(
  {
    model: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
    input: Type.Union([Text, Type.Array(Text, { minItems: 1 }), Type.Array(TextPart, { minItems: 1 })], {
      description: 'A text, or a list of texts or of text parts',
    }),
  },
  { title: 'ModerationRequest' },
)

const perCategory = <T extends Parameters<typeof Type.Optional>[0]>(type: T) =>
  Type.Object(Object.fromEntries(CATEGORIES.map((category) => [category, type])))

const ModerationAnswer = Type.Object(
  {
    id: Type.String(),
    model: Type.String(),
    results: Type.Array(
      Type.Object({
        flagged: Type.Boolean(),
        categories: perCategory(Type.Boolean()),
        category_scores: perCategory(Type.Number()),
        category_applied_input_types: perCategory(
          Type.Array(Type.Literal('text'), { description: 'Empty where the model cannot judge the category' }),
        ),
      }),
    ),
  },
  { title: 'ModerationResponse' },
)

/** What OpenAI's clients send where nobody chose a model. */
const WHICHEVER = /^(omni|text)-moderation-/

/** OpenAI's moderations, by models whose labels are about that. */
export function moderationRoutes(admission: Admission): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/moderations',
      {
        config: { classifies: true },
        schema: {
          summary: 'Judge texts by a model that has labels for it',
          tags: ['OpenAI'],
          body: ModerationBody,
          response: { 200: ModerationAnswer, '4xx': ErrorBody, '5xx': ErrorBody },
        },
      },
      async (request, reply) => {
        const { model, input } = request.body
        const inputs = [input].flat().map((each) => ({ text: typeof each === 'string' ? each : each.text }))
        const call = callOf(request, reply)
        const judge = await modelThatModerates(admission, call, model ?? undefined)
        const answer = await admission.classify({ ...call, model: judge, inputs })
        describeAnswer(reply, answer)
        return {
          id: `modr-${randomUUID()}`,
          model: answer.model.id,
          results: answer.results.map(({ scores }) => moderation(scores)),
        }
      },
    )
  }
}

/** @throws ValenceError where nothing here can judge: a label that means something else must not pass for a judgement */
async function modelThatModerates(admission: Admission, call: CallContext, name: string | undefined): Promise<string> {
  if (name === undefined || WHICHEVER.test(name)) {
    const found = admission.models().find(({ model }) => canModerate(model))
    if (found) return found.model.id
    throw new ValenceError(
      'model_not_found',
      'No model here can moderate: none has labels such as toxic, threat or hate, and sentiment is something else. Name one of the Hub, or add one by --models-dir or --upstreams.',
      { model: name ?? 'omni-moderation-latest' },
    )
  }
  const model = await admission.bring({ ...call, model: name })
  if (canModerate(model)) return model.id
  throw new ValenceError(
    'invalid_request',
    `${model.id} cannot moderate: its labels are ${model.labels.join(', ')}, none of which is such as toxic, threat or hate.`,
    { field: 'model' },
  )
}
