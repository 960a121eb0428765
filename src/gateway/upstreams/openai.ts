import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { LabelScore } from '../../engine/engine.ts'
import type { Protocol } from './protocol.ts'
import { UpstreamError } from './request.ts'

const TokenLogprob = Type.Object({ token: Type.String(), logprob: Type.Number() })

const Completion = Type.Object({
  choices: Type.Array(
    Type.Object({
      message: Type.Object({ content: Type.String() }),
      logprobs: Type.Optional(
        Type.Union([
          Type.Null(),
          Type.Object({
            content: Type.Union([
              Type.Null(),
              Type.Array(Type.Object({ top_logprobs: Type.Array(TokenLogprob) }), { minItems: 1 }),
            ]),
          }),
        ]),
      ),
    }),
    { minItems: 1 },
  ),
  usage: Type.Optional(Type.Object({ prompt_tokens: Type.Integer({ minimum: 0 }) })),
  /** what Valence adds */
  classification: Type.Optional(Type.Array(Type.Object({ label: Type.String(), score: Type.Number() }))),
})

/** The API takes no more. */
const MAX_TOP_LOGPROBS = 20

/**
 * Any chat model: a language model is told to answer with a label, which a classifier behind this API does anyway. Its scores
 * are the probabilities that it gives the labels; where it tells none, the label that it says has 1.
 */
export const openAiUpstream: Protocol = {
  canAsk: ({ inputs, activation }) =>
    (activation === undefined || activation === 'softmax') && inputs.every(({ pair }) => pair === undefined),
  ask: ({ model, labels, inputs }, post) =>
    Promise.all(
      inputs.map(async ({ text }) => {
        const answer = await post('/chat/completions', {
          model,
          messages: [
            { role: 'system', content: instruction(labels) },
            { role: 'user', content: text },
          ],
          temperature: 0,
          logprobs: true,
          top_logprobs: Math.min(labels.length, MAX_TOP_LOGPROBS),
        })
        if (!Value.Check(Completion, answer)) throw new UpstreamError('failed', 'its answer is no chat completion')
        return { scores: scoresOf(answer, labels), tokens: answer.usage?.prompt_tokens }
      }),
    ),
}

function instruction(labels: readonly string[]): string {
  return `Classify the user's text. Answer with exactly one of these labels, and with nothing else: ${labels.join(', ')}.`
}

function scoresOf(completion: Static<typeof Completion>, labels: readonly string[]): LabelScore[] {
  if (completion.classification !== undefined) return completion.classification
  const { message, logprobs } = completion.choices[0]!
  const said = labels.find((label) => isSame(label, message.content))
  if (said === undefined) throw new UpstreamError('failed', 'it said something that is none of the labels')
  return probabilities(logprobs?.content?.[0]?.top_logprobs ?? [], labels) ?? oneOf(labels, said)
}

/** Where some of the likely first tokens are whole labels, their probabilities, so that they sum to 1. */
function probabilities(tokens: readonly Static<typeof TokenLogprob>[], labels: readonly string[]) {
  const scores = labels.map((label) => ({
    label,
    score: tokens.reduce((sum, { token, logprob }) => sum + (isSame(label, token) ? Math.exp(logprob) : 0), 0),
  }))
  const total = scores.reduce((sum, { score }) => sum + score, 0)
  return total > 0 ? scores.map(({ label, score }) => ({ label, score: score / total })) : undefined
}

function oneOf(labels: readonly string[], said: string): LabelScore[] {
  return labels.map((label) => ({ label, score: label === said ? 1 : 0 }))
}

function isSame(label: string, said: string): boolean {
  return said.trim().replace(/\.$/, '').toUpperCase() === label.toUpperCase()
}
