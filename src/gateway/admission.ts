import type { IncomingHttpHeaders } from 'node:http'
import type { CatalogModel } from '../catalog/catalog.ts'
import type { Activation } from '../engine/activation.ts'
import type { Classification, Engine, LabelScore, TextInput } from '../engine/engine.ts'
import { ValenceError } from '../errors.ts'
import type { Answering } from './answering.ts'
import type { CacheMode, ResultCache } from './cache.ts'
import { type Caller, localCaller } from './caller.ts'
import type { Routing } from './candidates.ts'
import type { KeyCheck } from './keys.ts'
import type { ModelDirectory, ModelStatus } from './models.ts'
import type { ProviderHealth, Responders } from './responders.ts'

export type { Activation, CacheMode, Classification, LabelScore, ModelStatus, Routing, TextInput }

/** The one way from a dialect to the engine: authenticate → run. */
export type Admission = {
  /**
   * Says who sends a request.
   *
   * @throws ValenceError `unauthenticated`
   */
  authenticate(headers: IncomingHttpHeaders): Caller | Promise<Caller>
  /** @throws ValenceError `busy` where nothing more can wait, so that a request is refused before it is read */
  refuseIfFull(): void
  /**
   * @throws ValenceError `model_not_found`, `model_unavailable`, `busy`, `timed_out`, `aborted`, `shutting_down`,
   *   `upstream_failed`, `internal`
   */
  classify(call: Call): Promise<Answer>
  /** how those who answer are: this server's weights, and upstreams */
  providers(): ProviderHealth[]
  /** Forgets the results that are kept for the caller. */
  clearCache(caller: Caller): void
  models(): readonly ModelStatus[]
  /** @throws ValenceError `model_not_found` */
  model(name: string): ModelStatus
}

export type Call = {
  caller: Caller
  /** the client's own name for the request, or ours; it need not be unique */
  requestId: string
  /** the pattern of the address that it came by, such as /v1/chat/completions */
  route: string
  /** what the caller wants its cost counted under, at most 64 characters */
  tag: string | undefined
  /** an id or alias from the catalog */
  model: string
  inputs: readonly TextInput[]
  /** where the client asks for another one than the model's own */
  activation?: Activation | undefined
  /** `auto` where the client does not say */
  cache?: CacheMode | undefined
  /** by what whoever answers is chosen; `auto` where the client does not say */
  routing?: Routing | undefined
  /** aborted when the client has gone away */
  signal: AbortSignal
}

export type Answer = {
  model: CatalogModel
  /** the id of the model whose weights answered */
  servedBy: string
  /** one a text */
  results: Classification[]
  /** by what the client wanted it chosen who answers */
  routing: Routing | undefined
  /** whether all of it was kept from earlier calls, so that it is free */
  isCached: boolean
  /** what the call cost, in micro-dollars */
  costMicros: number
}

export function createAdmission(options: {
  engine: Engine
  directory: ModelDirectory
  responders: Responders
  answering: Answering
  cache: ResultCache
  isKnownKey: KeyCheck
  timeoutMs: number
}): Admission {
  const { engine, directory, responders, answering, cache, isKnownKey, timeoutMs } = options
  return {
    authenticate({ authorization }) {
      if (isKnownKey(bearerToken(authorization))) return localCaller({ isAdmin: false })
      throw new ValenceError(
        'unauthenticated',
        'The API key is missing or unknown. Send it as "Authorization: Bearer <key>".',
      )
    },
    refuseIfFull() {
      if (!responders.haveUpstreams) engine.refuseIfFull()
    },
    async classify({ caller, model: name, inputs, activation, cache = 'auto', routing, signal }) {
      const { model } = directory.get(name)
      const question = { accountId: caller.accountId, inputs, activation, cache }
      const lookup = answering.look(responders.candidatesOf(model), routing ?? 'auto', question)
      const { servedBy, results, computed } = await withTimeLimit(signal, timeoutMs, (limited) =>
        answering.complete(lookup, limited),
      )
      return { model, servedBy, results, routing, isCached: computed.length === 0, costMicros: 0 }
    },
    providers: () => responders.health(),
    clearCache: ({ accountId }) => cache.clear(accountId),
    models: () => directory.list(),
    model: (name) => directory.get(name),
  }
}

function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
}

/** Runs work under a signal that also aborts, with `timed_out`, when the time is up. */
async function withTimeLimit<T>(
  signal: AbortSignal,
  timeoutMs: number,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), timeoutMs)
  const onAbort = () => controller.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function timedOut(timeoutMs: number): ValenceError {
  return new ValenceError('timed_out', `No answer within ${timeoutMs} ms. The server is busy; try again shortly.`, {
    retryAfterSeconds: 1,
  })
}
