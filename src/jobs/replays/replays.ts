import { randomBytes } from 'node:crypto'
import { asValenceError, ValenceError } from '../../errors.ts'
import type { Activation, Admission, Call } from '../../gateway/admission.ts'
import { findReplay, finishReplay, insertReplay, listReplays, type ReplayRow } from '../../store/replays.ts'
import type { Store } from '../../store/store.ts'
import {
  deleteExpired,
  deleteStoredCalls,
  deleteSurplus,
  findStoredCall,
  type StoredCall,
} from '../../store/stored-calls.ts'
import { compareAnswers, outputOf } from './compare.ts'

export type { ReplayRow }

/** Calls of the past, asked of another model. */
export type Replays = {
  /**
   * Asks the target what the source was asked; a call like any other, metered and charged.
   *
   * @param request.shadow whether to answer at once, and to ask the target meanwhile
   * @throws ValenceError `not_found` where the source is not kept; what `admission.bring` and the target's call throw;
   *   `busy` where as many shadows run as may
   */
  run(call: ReplayCall, request: ReplayRequest): Promise<ReplayRow>
  /** @throws ValenceError `not_found` */
  get(accountId: string, id: string): Promise<ReplayRow>
  list(accountId: string, limit: number): Promise<ReplayRow[]>
  /** Gives up the shadows that run, and waits for them. */
  close(): Promise<void>
}

export type ReplayCall = Pick<Call, 'caller' | 'route' | 'tag' | 'signal'>

export type ReplayRequest = { sourceRequestId: string; targetModel: string; shadow: boolean }

/** What is compared is not how long a model takes to come. */
const PATIENCE = { waitsForModel: true }

const MAX_SHADOWS = 100

/** Longer than a call may take, by any setting that makes sense; a replay that runs longer has died with its process. */
const LEASE_MS = 600_000

const CLEAN_UP_MS = 600_000
const CLEAN_UP_AT_A_TIME = 1000

/** Calls that an account may keep, but for what comes between two clean-ups; so that nobody fills the disk. */
const MAX_KEPT_CALLS = 10_000

export function createReplays(options: {
  opening: Promise<Store>
  admission: Pick<Admission, 'classify' | 'bring'>
  /** how long calls are kept; where it is 0, what is still there is deleted */
  keepDays: number
  onError: (error: unknown) => void
}): Replays {
  const { opening, admission, keepDays, onError } = options
  const shadows = new Set<Promise<unknown>>()
  const closing = new AbortController()
  // Whoever opens the store says what is wrong with it.
  const tidy = () => opening.then(cleanUp, () => {}).catch(onError)
  let cleaning: Promise<void> = tidy()
  const timer = setInterval(() => {
    cleaning = cleaning.then(tidy)
  }, CLEAN_UP_MS)
  timer.unref()

  async function cleanUp({ db }: Store): Promise<void> {
    if (keepDays === 0) await deleteStoredCalls(db)
    await deleteSurplus(db, MAX_KEPT_CALLS)
    for (let isMore = true; isMore; ) isMore = (await deleteExpired(db, CLEAN_UP_AT_A_TIME)) && !closing.signal.aborted
  }

  const replays: Replays = {
    async run(call, { sourceRequestId, targetModel, shadow }) {
      const { db } = await opening
      const { accountId } = call.caller
      const source = await findStoredCall(db, accountId, sourceRequestId)
      if (!source) throw notKept(keepDays)
      const { caller, signal } = call
      const { id: model } = await admission.bring({ caller, model: targetModel, patience: PATIENCE, signal })
      if (shadow && shadows.size >= MAX_SHADOWS) {
        throw new ValenceError('busy', `${MAX_SHADOWS} shadows run already, which is as many as may.`, {
          retryAfterSeconds: 5,
        })
      }
      const id = `rpl_${randomBytes(16).toString('hex')}`
      await insertReplay(db, newReplay(id, accountId, source, { targetModel: model, shadow }), LEASE_MS)
      const target = { ...call, requestId: id, model, patience: PATIENCE }
      if (!shadow) await replay(target, source)
      else {
        const work = replay({ ...target, signal: closing.signal }, source)
          // How it ended is written down.
          .catch((error: unknown) => error instanceof ValenceError || onError(error))
          .finally(() => shadows.delete(work))
        shadows.add(work)
      }
      return replays.get(accountId, id)
    },
    async get(accountId, id) {
      const found = await findReplay((await opening).db, accountId, id)
      if (!found) throw new ValenceError('not_found', 'There is no replay of this id.', { field: 'id' })
      return found
    },
    list: async (accountId, limit) => listReplays((await opening).db, accountId, limit),
    async close() {
      clearInterval(timer)
      closing.abort(new ValenceError('shutting_down', 'The server was stopped while it ran.'))
      await Promise.all([cleaning, ...shadows])
    },
  }

  /** Asks the target, and writes down how it went. */
  async function replay(call: Omit<Call, 'inputs' | 'activation' | 'cache'>, source: StoredCall): Promise<void> {
    const { db } = await opening
    const startedAt = performance.now()
    try {
      const activation = (source.activation ?? undefined) as Activation | undefined
      const answer = await admission.classify({ ...call, inputs: source.inputs, activation, cache: 'skip' })
      const target = answer.results.map(({ scores }) => scores)
      await finishReplay(db, call.requestId, {
        status: 'completed',
        costTargetMicros: answer.costMicros,
        latencyTargetMs: Math.round(performance.now() - startedAt),
        ...compareAnswers(source.results, target),
        targetOutput: outputOf(target),
      })
    } catch (thrown) {
      await finishReplay(db, call.requestId, { status: 'failed', error: asValenceError(thrown).message })
      throw thrown
    }
  }

  return replays
}

function newReplay(
  id: string,
  accountId: string,
  source: StoredCall,
  { targetModel, shadow }: { targetModel: string; shadow: boolean },
) {
  return {
    id,
    accountId,
    sourceRequestId: source.requestId,
    sourceModel: source.model,
    targetModel,
    shadow,
    costSourceMicros: source.costMicros,
    latencySourceMs: source.latencyMs,
    sourceOutput: outputOf(source.results),
    expiresAt: source.expiresAt,
  }
}

function notKept(keepDays: number): ValenceError {
  const how =
    keepDays === 0
      ? 'This server keeps no calls (--keep-calls-days 0).'
      : `Only calls that were sent with the header "x-aig-store: true" (or "store": true) are kept, for ${keepDays} days.`
  return new ValenceError('not_found', `There is no call of this id to replay. ${how}`, { field: 'source_request_id' })
}
