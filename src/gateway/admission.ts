import type { CatalogModel } from '../catalog/catalog.ts'
import type { Revisions } from '../catalog/revisions.ts'
import type { Activation } from '../engine/activation.ts'
import type { Classification, Engine, LabelScore, Lane, TextInput } from '../engine/engine.ts'
import { ValenceError } from '../errors.ts'
import type { Answering, Lookup, Outcome } from './answering.ts'
import { type Authenticate, createAuthentication } from './authentication.ts'
import type { CacheMode } from './cache.ts'
import type { CacheClearing } from './cache-clearing.ts'
import type { Caller, RateLimit } from './caller.ts'
import type { Routing } from './candidates.ts'
import { type AccountedCall, runAccounted, type Work } from './charging.ts'
import { type EvalWinners, isEval } from './eval-winners.ts'
import type { Gateway } from './gateway.ts'
import { type ModelDirectory, type ModelStatus, noSuchModel } from './models.ts'
import type { ModelsOnDemand, Patience } from './models-on-demand.ts'
import { FREE, highestCostMicros, type Price, type PriceList } from './prices.ts'
import type { RateVerdict } from './rate-window.ts'
import type { ProviderHealth, Responders } from './responders.ts'
import { refuseOutOfScope } from './scopes.ts'
import type { KeyCheck } from './static-keys.ts'
import type { CallKeeper } from './stored-calls.ts'

export type { Activation, CacheMode, Classification, LabelScore, Lane, ModelStatus, Routing, TextInput }

/** The one way from a dialect to the engine: authenticate → limit → reserve → run → settle and meter. */
export type Admission = {
  /**
   * Says who sends a request.
   *
   * @throws ValenceError `unauthenticated`
   */
  authenticate: Authenticate
  /** @returns the refusal, `busy`, where nothing more can wait, so that a request is refused before it is read */
  whyFull(): ValenceError | undefined
  /**
   * Counts a request against the limits that bind its caller. Calls that come by no request of their own, such as the
   * lines of a batch, are not counted.
   *
   * @param dialect the name of the one that it came by
   * @returns undefined where no limit binds the caller
   */
  takeFromLimits(caller: Caller, dialect: string): RateVerdict | Promise<RateVerdict> | undefined
  /**
   * Has a model loaded that is loaded on demand, for who must know its labels before they can ask it.
   *
   * @throws ValenceError `model_not_found`, `model_loading`, `model_unavailable`, `scope_exceeded`, `busy`,
   *   `shutting_down`; the signal's reason
   */
  bring(call: ModelCall): Promise<CatalogModel>
  /**
   * Runs a call; what it costs is held before, and charged and metered after it.
   *
   * @throws ValenceError `model_not_found`, `model_loading`, `model_unavailable`, `scope_exceeded`, `insufficient_credits`,
   *   `budget_exceeded`, `busy`, `timed_out`, `aborted`, `shutting_down`, `upstream_failed`,
   *   `internal`
   */
  classify(call: Call): Promise<Answer>
  /** how those who answer are: this server's weights, and upstreams */
  providers(): ProviderHealth[]
  /** Forgets the results that are kept for the caller, in every process that shares the store. */
  clearCache(caller: Caller): Promise<void>
  models(): readonly ModelStatus[]
  /** @throws ValenceError `model_not_found` */
  model(name: string): ModelStatus
  /** What a model costs here, and what it reads of a text at most, in tokens: undefined while that is not known. */
  offer(status: ModelStatus): { price: Price; maxTokens: number | undefined }
  /** Counts what a model would read of a text, without running it. */
  countTokens(call: ModelCall, text: string): Promise<number>
  /**
   * What whoever answers for a model is, brought where it has to be.
   *
   * @throws ValenceError as `bring` does, and `model_unavailable`
   */
  describe(call: ModelCall): Promise<ModelFacts>
  /** which weights a model has: the Hub's commit, or a hash; undefined for who answers elsewhere */
  revisionOf(servedBy: string): Promise<string | undefined>
  /** accounts, keys, money and usage */
  gateway: Gateway
}

export type Call = {
  caller: Caller
  /** the client's own name for the request, or ours; it need not be unique */
  requestId: string
  /** the pattern of the address that it came by, such as /v1/chat/completions */
  route: string
  /** what the caller wants its cost counted under, at most 64 characters */
  tag: string | undefined
  /** of work that may be done again, the same each time: it is charged and metered once */
  workId?: string | undefined
  /** an id or alias from the catalog, or `eval:<id>` */
  model: string
  inputs: readonly TextInput[]
  /** where the client asks for another one than the model's own */
  activation?: Activation | undefined
  /** `auto` where the client does not say */
  cache?: CacheMode | undefined
  /** how long to wait for a model that is not loaded */
  patience?: Patience | undefined
  /** by what whoever answers is chosen; `auto` where the client does not say */
  routing?: Routing | undefined
  /** whether whoever waits for an answer goes before; interactive where it is left out */
  lane?: Lane | undefined
  /** whether the texts may be kept, for replays */
  store?: boolean | undefined
  /** aborted when the client has gone away */
  signal: AbortSignal
  /** whose signal it is, where it is this call's alone: what ends the call by its time limit is spared a second one then */
  controller?: AbortController | undefined
}

/** A call as far as it concerns which model it is for. */
export type ModelCall = Pick<Call, 'caller' | 'model' | 'patience' | 'signal'>

/** What is known of a model that can answer. */
export type ModelFacts = {
  model: CatalogModel
  /** whose weights answer first */
  servedBy: string
  /** what is read of a text at most; infinite for who answers elsewhere */
  maxTokens: number
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
  /** whether it was kept for replays */
  isStored: boolean
  /** what the call cost, in micro-dollars */
  costMicros: number
}

export function createAdmission(options: {
  engine: Engine
  directory: ModelDirectory
  onDemand: ModelsOnDemand
  revisions: Revisions
  responders: Responders
  answering: Answering
  clearCache: CacheClearing
  gateway: Gateway
  prices: PriceList
  /** the operator's static keys */
  isStaticKey: KeyCheck
  /** whether whoever sends no key of this server's is let in */
  isOpen: boolean
  /** what a dialect takes of an account, by the dialect's name; dialects may share a limit's subject */
  dialectLimits: ReadonlyMap<string, RateLimit>
  winners: EvalWinners
  keeper: CallKeeper
  timeoutMs: number
}): Admission {
  const { engine, directory, onDemand, responders, answering, gateway, prices, timeoutMs } = options
  const { winners, keeper } = options

  function statusOf(name: string): ModelStatus {
    const status = directory.find(name) ?? onDemand.status(name)
    if (!status) throw noSuchModel(name)
    return status
  }

  /**
   * Runs work with a model that is there until it is done. Async only where it waits: each function that waits is half a kilobyte of every
   * request that does, and the garbage collector copies a thousand of them.
   */
  function withModel<T>(call: ModelCall, work: (model: CatalogModel) => Promise<T>): Promise<T> {
    const { model } = call
    return isEval(model) ? withWinner(model, call, work) : withNamed(model, call, work)
  }

  async function withWinner<T>(evalId: string, call: ModelCall, work: (model: CatalogModel) => Promise<T>): Promise<T> {
    return await withNamed(await winners.of(call.caller.accountId, evalId), call, work)
  }

  function withNamed<T>(name: string, call: ModelCall, work: (model: CatalogModel) => Promise<T>): Promise<T> {
    try {
      const known = directory.find(name) ?? onDemand.status(name)
      if (known) refuseOutOfScope(call.caller, known.model)
      return known && !onDemand.brings(known) ? work(known.model) : withHeld(name, call, work)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async function withHeld<T>(
    name: string,
    { patience, signal }: ModelCall,
    work: (model: CatalogModel) => Promise<T>,
  ): Promise<T> {
    const held = await onDemand.hold(name, { ...patience, signal })
    try {
      return await work(held.model)
    } finally {
      held.release()
    }
  }

  async function classifyWith(model: CatalogModel, call: Call): Promise<Answer> {
    const { caller, inputs, activation, routing, lane } = call
    const startedAt = performance.now()
    const question = { accountId: caller.accountId, inputs, activation, cache: call.cache ?? 'auto', lane }
    const lookup = answering.look(responders.candidatesOf(model), routing ?? 'auto', question)
    const price = lookup.missing.length === 0 ? undefined : prices.of(model.id)
    const bill = price && {
      price,
      highestMicros: highestCostMicros(price, lookup.missing, maxTokensOf(lookup, engine)),
    }
    const accounted: AccountedCall = {
      caller,
      requestId: call.requestId,
      route: call.route,
      tag: call.tag,
      workId: call.workId,
      model: model.id,
      servedBy: lookup.candidates[0]!.servedBy,
      texts: inputs.length,
      bill,
    }
    const { done, costMicros } = await runAccounted(
      gateway,
      accounted,
      (onComputed) => withTimeLimit(call, timeoutMs, (signal) => answering.complete(lookup, signal, onComputed)),
      workOf,
    )
    const { servedBy, results, computed } = done
    const isCached = computed.length === 0
    const latencyMs = performance.now() - startedAt
    const { accountId } = caller
    const isStored =
      call.store === true &&
      (await keeper.keep({ ...call, accountId, model: model.id, activation, results, costMicros, latencyMs }))
    return { model, servedBy, results, routing, isCached, isStored, costMicros }
  }

  return {
    authenticate: createAuthentication({ ...options, lookup: gateway.lookup }),
    whyFull: () => (responders.haveUpstreams ? undefined : engine.whyFull()) ?? gateway.meter.whyFull(),
    takeFromLimits(caller, dialect) {
      const limits = limitsOf(caller, dialect, options.dialectLimits)
      return limits.length === 0 ? undefined : gateway.takeFromLimits(limits)
    },
    bring: (call) => withModel(call, async (model) => model),
    classify: (call) => withModel(call, (model) => classifyWith(model, call)),
    providers: () => responders.health(),
    clearCache: ({ accountId }) => options.clearCache(accountId),
    models: () => directory.list(),
    model: statusOf,
    offer({ model, servedBy }) {
      const maxTokens = servedBy === undefined ? Number.POSITIVE_INFINITY : engine.maxTokensOf(servedBy)
      return { price: prices.of(model.id) ?? FREE, maxTokens: Number.isFinite(maxTokens) ? maxTokens : undefined }
    },
    describe: (call) =>
      withModel(call, async (model) => {
        const { servedBy, isLocal } = responders.candidatesOf(model)[0]!
        return { model, servedBy, maxTokens: isLocal ? engine.maxTokensOf(servedBy) : Number.POSITIVE_INFINITY }
      }),
    revisionOf: (servedBy) => options.revisions.of(servedBy),
    countTokens: (call, text) => withModel(call, async (model) => responders.candidatesOf(model)[0]!.countTokens(text)),
    gateway,
  }
}

/** A dialect's own limit binds whoever has a key of the store; the operator, and whoever an open server lets in, has none. */
function limitsOf(
  { limits, keyId, accountId }: Caller,
  dialect: string,
  dialectLimits: ReadonlyMap<string, RateLimit>,
): readonly RateLimit[] {
  const limit = dialectLimits.get(dialect)
  if (limit === undefined || keyId === undefined) return limits
  return [...limits, { ...limit, subject: `${limit.subject}:${accountId}` }]
}

/** The most tokens that anybody of those who may answer reads of a text. */
function maxTokensOf({ candidates }: Lookup, engine: Engine): number {
  const most = candidates.map(({ isLocal, servedBy }) =>
    isLocal ? engine.maxTokensOf(servedBy) : Number.POSITIVE_INFINITY,
  )
  return Math.max(...most)
}

function workOf({ servedBy, results, computed }: Outcome): Work {
  return { servedBy, tokens: tokensOf(results), computedTokens: tokensOf(computed) }
}

/** Tokens read over all texts of a call. */
export function tokensOf(results: readonly Classification[]): number {
  return results.reduce((sum, result) => sum + result.tokens, 0)
}

/** Runs work under a signal that also aborts, with `timed_out`, when the time is up. */
function withTimeLimit<T>(
  { signal, controller }: Pick<Call, 'signal' | 'controller'>,
  timeoutMs: number,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  if (controller?.signal !== signal) return withSignalOfItsOwn(signal, timeoutMs, work)
  const done = work(signal)
  const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), timeoutMs)
  const stop = () => clearTimeout(timer)
  done.then(stop, stop)
  return done
}

async function withSignalOfItsOwn<T>(
  signal: AbortSignal,
  timeoutMs: number,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const onAbort = () => controller.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await withTimeLimit({ signal: controller.signal, controller }, timeoutMs, work)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function timedOut(timeoutMs: number): ValenceError {
  return new ValenceError('timed_out', `No answer within ${timeoutMs} ms. The server is busy; try again shortly.`, {
    retryAfterSeconds: 1,
  })
}
