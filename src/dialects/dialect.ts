import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ValenceError } from '../errors.ts'
import type { Admission, Answer, CacheMode, Call, Classification, LabelScore, Routing } from '../gateway/admission.ts'
import { MAX_TAG_LENGTH } from '../gateway/budgets.ts'
import type { Caller } from '../gateway/caller.ts'
import { centsOf } from '../gateway/money.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** who asks; set before a dialect's handlers run */
    caller: Caller
    /** what the route is; set first of all */
    route: FastifyRequest['routeOptions']
    /** whether the body is longer than one usually may be: a route with a `bodyLimit` of its own says what it takes it for */
    isLongBody: boolean
  }
  interface FastifyContextConfig {
    /** whether the route's body goes to a model at once: it is refused unread while nothing more can wait */
    classifies?: boolean
    /** whether the route's body may be as long as it likes, and so take long to arrive: the route sees to it itself */
    isUpload?: boolean
    /** whether the route is answered without a key */
    isPublic?: boolean
  }
}

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

const CACHE_MODES: readonly CacheMode[] = ['auto', 'force', 'skip']

const BOOLEANS = ['true', 'false'] as const

const ROUTINGS: readonly Routing[] = ['cost', 'speed', 'quality', 'auto']

const ROUTING_REASONS: Readonly<Record<Routing, string>> = {
  cost: 'the cheapest that answered',
  speed: 'the fastest of late that answered',
  quality: 'the best that answered',
  auto: "the first in the operator's order that answered",
}

/** What a call is known by, whatever it asks. */
export type CallContext = Omit<Call, 'model' | 'inputs' | 'activation'>

/**
 * What a call is known by, whatever it asks: who asks, the request's id and route, its tag, and when nobody waits any more.
 *
 * @throws ValenceError `invalid_request` for a tag that is too long, or an x-cache or x-routing that is none
 */
export function callOf(request: FastifyRequest, reply: FastifyReply): CallContext {
  const controller = clientController(reply)
  return {
    caller: request.caller,
    requestId: request.id,
    route: request.route.url ?? '',
    tag: tagOf(request),
    cache: chosenIn(request, 'x-cache', CACHE_MODES),
    routing: chosenIn(request, 'x-routing', ROUTINGS),
    store: chosenIn(request, 'x-aig-store', BOOLEANS) === 'true',
    signal: controller.signal,
    controller,
  }
}

/**
 * What the caller wants the cost of a request counted under.
 *
 * @throws ValenceError `invalid_request` for a tag that is too long
 */
export function tagOf({ headers, caller }: FastifyRequest): string | undefined {
  const sent = headers['x-aig-tag']
  if (typeof sent !== 'string' || sent === '') return caller.defaultTag
  const tag = textOf(sent)
  if (Array.from(tag).length <= MAX_TAG_LENGTH) return tag
  throw new ValenceError('invalid_request', `The header x-aig-tag may have at most ${MAX_TAG_LENGTH} characters.`, {
    field: 'x-aig-tag',
  })
}

/** Node reads a header's bytes as Latin-1, while most clients send UTF-8; what is no UTF-8 was meant as it is. */
function textOf(header: string): string {
  try {
    return utf8.decode(Buffer.from(header, 'latin1'))
  } catch {
    return header
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function chosenIn<T extends string>({ headers }: FastifyRequest, name: string, choices: readonly T[]): T | undefined {
  const sent = headers[name]
  if (sent === undefined || sent === '') return undefined
  const chosen = choices.find((choice) => choice === String(sent).toLowerCase())
  if (chosen !== undefined) return chosen
  throw new ValenceError('invalid_request', `The header ${name} must be one of ${choices.join(', ')}.`, { field: name })
}

/** Aborts when the client goes away before it has its whole answer. */
function clientController(reply: FastifyReply): AbortController {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    // Ended, not finished: the last bytes of an answer on a kept-alive connection may still be on their way to the socket then.
    if (!reply.raw.writableEnded) controller.abort(new ValenceError('aborted', 'The client closed the connection.'))
  })
  return controller
}

/** Says in headers what every dialect should let its client know and none has a field for. */
export function describeAnswer(reply: FastifyReply, answer: Answer): void {
  const { model, servedBy, results, isCached, isStored, routing, costMicros } = answer
  reply.header('x-cost-cents', String(centsOf(costMicros)))
  reply.header('x-cache', isCached ? 'hit' : 'miss')
  if (servedBy !== model.id) reply.header('x-valence-served-model', servedBy)
  if (isStored) reply.header('x-aig-stored', 'true')
  if (routing !== undefined) {
    reply.header('x-routing-selected', servedBy)
    reply.header('x-routing-reason', ROUTING_REASONS[routing])
  }
  if (results.some((result) => result.truncated)) reply.header('x-valence-truncated', 'true')
  reply.header('server-timing', serverTiming(results))
}

/** The texts of a request are tokenised one after another, but wait together, so the longest wait is the request's. */
function serverTiming(results: Classification[]): string {
  let tokenizeMs = 0
  let queueMs = 0
  let inferenceMs = 0
  for (const { timings } of results) {
    tokenizeMs += timings.tokenizeMs
    queueMs = Math.max(queueMs, timings.queueMs)
    inferenceMs += timings.inferenceMs
  }
  return `tokenize;dur=${tokenizeMs.toFixed(2)}, queue;dur=${queueMs.toFixed(2)}, inference;dur=${inferenceMs.toFixed(2)}`
}

/** Every label with its score, best first. */
export function ranked({ scores }: Classification): LabelScore[] {
  return byScore(scores)
}

/** Best first. */
export function byScore(scores: readonly LabelScore[]): LabelScore[] {
  // Most models have two labels, and toSorted takes a kilobyte for those.
  if (scores.length === 2)
    return scores[0]!.score < scores[1]!.score ? [scores[1]!, scores[0]!] : [scores[0]!, scores[1]!]
  return scores.toSorted((a, b) => b.score - a.score)
}

/** Seconds for a Retry-After header, where an error has them. */
export function retryAfter(error: ValenceError): Record<string, string> {
  const seconds = error.details.retryAfterSeconds
  return seconds === undefined ? {} : { 'retry-after': String(seconds) }
}
