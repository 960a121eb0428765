import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { ValenceError } from '../errors.ts'
import type { Admission, Answer, Classification, LabelScore } from '../gateway/admission.ts'

/** One public API as its clients see it. */
export type Dialect = {
  name: string
  /** Whether an address that no route took would be this dialect's, so that its clients understand the refusal. */
  owns(path: string): boolean
  routes(admission: Admission): FastifyPluginAsyncTypebox
  /** Puts an error into the shape that this dialect's clients expect. */
  renderError(error: ValenceError, request: FailedRequest): ErrorAnswer
}

export type FailedRequest = { id: string; method: string; path: string }

export type ErrorAnswer = { status: number; headers?: Record<string, string>; body: unknown }

/** Aborts when the client goes away before it has its whole answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new ValenceError('aborted', 'The client closed the connection.'))
  })
  return controller.signal
}

/** Says in headers what every dialect should let its client know and none has a field for. */
export function describeAnswer(reply: FastifyReply, { model, servedBy, results }: Answer): void {
  if (servedBy !== model.id) reply.header('x-valence-served-model', servedBy)
  if (results.some((result) => result.truncated)) reply.header('x-valence-truncated', 'true')
  reply.header('server-timing', serverTiming(results))
}

/** The texts of a request are tokenised one after another, but wait together, so the longest wait is the request's. */
function serverTiming(results: Classification[]): string {
  const sum = (of: (result: Classification) => number) => results.reduce((total, result) => total + of(result), 0)
  const longest = (of: (result: Classification) => number) =>
    results.reduce((most, result) => Math.max(most, of(result)), 0)
  const parts = {
    tokenize: sum(({ timings }) => timings.tokenizeMs),
    queue: longest(({ timings }) => timings.queueMs),
    inference: sum(({ timings }) => timings.inferenceMs),
  }
  return Object.entries(parts)
    .map(([name, ms]) => `${name};dur=${ms.toFixed(2)}`)
    .join(', ')
}

/** Every label with its score, best first. */
export function ranked({ scores }: Classification): LabelScore[] {
  return scores.toSorted((a, b) => b.score - a.score)
}

/** Tokens read over all texts of a request. */
export function tokensOf(results: readonly Classification[]): number {
  return results.reduce((sum, result) => sum + result.tokens, 0)
}

/** Seconds for a Retry-After header, where an error has them. */
export function retryAfter(error: ValenceError): Record<string, string> {
  const seconds = error.details.retryAfterSeconds
  return seconds === undefined ? {} : { 'retry-after': String(seconds) }
}
