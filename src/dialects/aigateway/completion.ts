import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { Static } from 'typebox'
import { type Answer, tokensOf } from '../../gateway/admission.ts'
import { dollarsOf } from '../../gateway/money.ts'
import { ranked } from '../dialect.ts'
import type { ContentWriter } from './response-format.ts'
import type { ChatBody, ChatCompletion, ChatCompletionChunk, LabelScore } from './schemas.ts'

type Chat = Static<typeof ChatBody>
type Score = Static<typeof LabelScore>
type Completion = Static<typeof ChatCompletion>
type Chunk = Static<typeof ChatCompletionChunk>

/** JSON knows no −∞; this is what OpenAI's API says for a token that it would never choose. */
const LOWEST_LOGPROB = -9999

/** The label is the one token that a classifier says. */
const COMPLETION_TOKENS = 1

/** Writes one text's scores as a chat completion. */
export function chatCompletion(body: Chat, answer: Answer, write: ContentWriter): Completion {
  const result = answer.results[0]!
  const ranking = ranked(result)
  return {
    ...envelope(answer),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: write(ranking), refusal: null },
        logprobs: logprobsOf(body, ranking),
        finish_reason: 'stop',
      },
    ],
    usage: usageOf(answer, COMPLETION_TOKENS),
    classification: ranking,
  }
}

/** Writes the same answer as the chunks of a stream: role, content, end, and usage where it was asked for. */
export function chatCompletionChunks(body: Chat, answer: Answer, write: ContentWriter): Chunk[] {
  const ranking = ranked(answer.results[0]!)
  const wantsUsage = body.stream_options?.include_usage === true
  const shared = {
    ...envelope(answer),
    object: 'chat.completion.chunk' as const,
    ...(wantsUsage && { usage: null }),
    classification: ranking,
  }
  const chunk = (delta: Chunk['choices'][number]['delta'], rest: Partial<Chunk['choices'][number]> = {}): Chunk => ({
    ...shared,
    choices: [{ index: 0, delta, finish_reason: null, ...rest }],
  })
  return [
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: write(ranking) }, { logprobs: logprobsOf(body, ranking) }),
    chunk({}, { finish_reason: 'stop' }),
    ...(wantsUsage ? [{ ...shared, choices: [], usage: usageOf(answer, COMPLETION_TOKENS) }] : []),
  ]
}

export function usageOf({ results, costMicros }: Answer, completionTokens: number): Completion['usage'] {
  const tokens = tokensOf(results)
  return {
    prompt_tokens: tokens,
    completion_tokens: completionTokens,
    total_tokens: tokens + completionTokens,
    cost: dollarsOf(costMicros),
  }
}

/** What every object of a chat answer begins with. */
function envelope({ model, servedBy }: Answer) {
  return {
    id: `chatcmpl-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: model.id,
    system_fingerprint: servedBy,
  }
}

function logprobsOf(body: Chat, ranking: Score[]): Completion['choices'][number]['logprobs'] {
  if (body.logprobs !== true) return null
  const tokens = ranking.map(({ label, score }) => ({
    token: label,
    logprob: Math.max(Math.log(score), LOWEST_LOGPROB),
    bytes: [...Buffer.from(label)],
  }))
  return { content: [{ ...tokens[0]!, top_logprobs: tokens.slice(0, body.top_logprobs ?? 0) }], refusal: null }
}
