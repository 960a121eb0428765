import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { DEFAULT_MODEL_ID } from '../../catalog/catalog.ts'
import type { Admission, TextInput } from '../../gateway/admission.ts'
import { callOf, describeAnswer, ranked } from '../dialect.ts'
import { ErrorBody, InfoAnswer, PredictAnswer, PredictBody } from './schemas.ts'

type Body = Static<typeof PredictBody>

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

const tags = ['Text Embeddings Inference']

export type ServerFacts = { version: string; maxTexts: number }

export function textEmbeddingsInferenceRoutes(
  admission: Admission,
  { version, maxTexts }: ServerFacts,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/predict',
      {
        config: { classifies: true },
        schema: {
          summary: 'text-embeddings-inference: classify text',
          tags,
          body: PredictBody,
          response: { 200: PredictAnswer, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { body } = request
        const answer = await admission.classify({
          ...callOf(request, reply),
          model: body.model ?? DEFAULT_MODEL_ID,
          inputs: textsOf(body),
          activation: body.raw_scores ? 'none' : undefined,
        })
        describeAnswer(reply, answer)
        const rankings = answer.results.map(ranked)
        return isBatch(body.inputs) ? rankings : rankings[0]!
      },
    )

    app.get(
      '/info',
      {
        schema: {
          summary: 'text-embeddings-inference: say what is served',
          tags,
          response: { 200: InfoAnswer, ...ERRORS },
        },
      },
      async (request, reply) => {
        const call = { ...callOf(request, reply), model: DEFAULT_MODEL_ID }
        const { model, servedBy, maxTokens } = await admission.describe(call)
        return {
          model_id: model.hubRepo ?? model.id,
          model_sha: (await admission.revisionOf(servedBy)) ?? null,
          model_dtype: 'int8' as const,
          model_type: {
            classifier: {
              id2label: Object.fromEntries(model.labels.map((label, id) => [String(id), label])),
              label2id: Object.fromEntries(model.labels.map((label, id) => [label, id])),
            },
          },
          // Who answers elsewhere does not say.
          max_input_length: Number.isFinite(maxTokens) ? maxTokens : 0,
          max_client_batch_size: maxTexts,
          auto_truncate: true as const,
          version,
        }
      },
    )
  }
}

/** A list of texts is a text or a pair; only a list of lists is a batch. */
function isBatch(inputs: Body['inputs']): inputs is string[][] {
  return Array.isArray(inputs) && Array.isArray(inputs[0])
}

function textsOf({ inputs, truncate, truncation_direction: direction }: Body): TextInput[] {
  const isLeft = direction?.toLowerCase() === 'left'
  const limit = truncate === false ? { refusesCut: true } : isLeft ? ({ side: 'left' } as const) : undefined
  const sequences = isBatch(inputs) ? inputs : [typeof inputs === 'string' ? [inputs] : inputs]
  return sequences.map(([text, pair]) => ({ text: text!, pair, limit }))
}
