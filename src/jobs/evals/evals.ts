import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { asValenceError, ValenceError } from '../../errors.ts'
import type { Admission } from '../../gateway/admission.ts'
import {
  type EvalRow,
  evalAnswers,
  findEval,
  finishEval,
  insertEval,
  keepEvalAnswers,
  listEvals,
  releaseAllEvals,
  releaseEval,
  renewEval,
  type TakenEval,
  takeEval,
} from '../../store/evals.ts'
import type { Store } from '../../store/store.ts'
import { askAll, type EvalCall, type EvalWork, PATIENCE } from './ask.ts'
import { type Metric, scoreCandidates, winnerOf } from './score.ts'

export type { EvalRow }

/** What is written down of an eval that has ended. */
export type EvalSummary = ReturnType<typeof scoreCandidates>

/** Comparisons of models over a dataset. */
export type Evals = {
  /**
   * Starts one; every text is a call of its own for every candidate, metered and charged like any other.
   *
   * @returns how it is when it has ended, or after `waitMs`, whichever comes first
   * @throws ValenceError `busy`, `invalid_request`, and what `admission.bring` throws of a candidate
   */
  run(call: EvalCall, request: EvalRequest, waitMs: number): Promise<EvalRow>
  /** @throws ValenceError `not_found` */
  get(accountId: string, id: string): Promise<EvalRow>
  list(accountId: string, limit: number): Promise<EvalRow[]>
  /** Leaves those under way to the next process, and waits until it has. */
  close(): Promise<void>
}

export type EvalRequest = {
  name: string | undefined
  candidateModels: readonly string[]
  dataset: EvalWork['dataset']
  metric: Metric
}

/** Each holds its dataset in memory. */
const MAX_RUNNING = 8

/** One that is not renewed for this long is another's to go on with: its process has died. */
const LEASE_MS = 60_000
const RENEW_MS = 15_000

/** How soon an eval goes on whose process has died. */
const LOOK_MS = 15_000

/** What ends as many processes that begin it is not tried by another. */
const MAX_TRIES = 10

/**
 * @param options.opening the store, when whatever an eval's calls need is open as well
 */
export function createEvals(options: {
  opening: Promise<Store>
  admission: Pick<Admission, 'classify' | 'bring'>
  onError: (error: unknown) => void
}): Evals {
  const { opening, admission, onError } = options
  const running = new Set<Promise<unknown>>()
  const closing = new AbortController()

  /** Counts as running from the first moment on, so that no more than may are begun at once. */
  function track<T>(work: Promise<T>): Promise<T> {
    running.add(work)
    work.catch(() => {}).finally(() => running.delete(work))
    return work
  }

  const evals: Evals = {
    async run(call, request, waitMs) {
      const { db } = await opening
      const candidateModels: string[] = []
      for (const model of request.candidateModels) {
        const wanted = { caller: call.caller, model, patience: PATIENCE, signal: closing.signal }
        candidateModels.push((await admission.bring(wanted)).id)
      }
      refuseTwins(candidateModels)
      if (closing.signal.aborted) throw new ValenceError('shutting_down', 'The server is shutting down.')
      if (running.size >= MAX_RUNNING) {
        throw new ValenceError('busy', `${MAX_RUNNING} evals run already, which is as many as may. Try again later.`, {
          retryAfterSeconds: 10,
        })
      }
      const id = `eval_${randomBytes(16).toString('hex')}`
      const { dataset, metric } = request
      const work: EvalWork = { id, call, candidateModels, dataset, metric }
      const begun = Promise.withResolvers<void>()
      const ended = track(begin(work, request.name ?? id, begun.resolve))
      ended.catch(begun.reject)
      await begun.promise
      const timeIsUp = new AbortController()
      await Promise.race([ended, setTimeout(waitMs, undefined, { signal: timeIsUp.signal, ref: false })])
      timeIsUp.abort()
      return findOne(db, call.caller.accountId, id)
    },
    get: async (accountId, id) => findOne((await opening).db, accountId, id),
    list: async (accountId, limit) => listEvals((await opening).db, accountId, limit),
    async close() {
      clearInterval(timer)
      closing.abort(new ValenceError('shutting_down', 'The server was stopped while it ran.'))
      await looking
      await Promise.allSettled(running)
    },
  }

  async function begin(work: EvalWork, name: string, onBegun: () => void): Promise<void> {
    const { db } = await opening
    const owner = randomUUID()
    const { id, call, candidateModels, dataset, metric } = work
    const row = { id, accountId: call.caller.accountId, name, candidateModels: [...candidateModels], metric }
    await insertEval(
      db,
      { ...row, datasetSize: dataset.length, request: JSON.stringify(work) },
      { owner, leaseMs: LEASE_MS },
    )
    onBegun()
    await runToItsEnd(owner, work)
  }

  /** Goes on with those whose process has died, as far as there is room. */
  async function takeUp(): Promise<void> {
    if (closing.signal.aborted) return
    const { db } = await opening
    while (running.size < MAX_RUNNING && !closing.signal.aborted) {
      const owner = randomUUID()
      const taken = await takeEval(db, { owner, leaseMs: LEASE_MS })
      if (!taken) return
      void track(goOn(owner, taken)).catch(onError)
    }
  }

  async function goOn(owner: string, { id, request, tries }: TakenEval): Promise<void> {
    if (request !== null && tries <= MAX_TRIES) return runToItsEnd(owner, JSON.parse(request) as EvalWork)
    const error = 'The server was stopped again and again while it ran.'
    await finishEval((await opening).db, id, owner, { status: 'failed', winnerModel: null, summary: null, error })
  }

  /** Runs it under a lease, and writes down how it ended; one that is interrupted is for another to go on with. */
  async function runToItsEnd(owner: string, work: EvalWork): Promise<void> {
    const { db } = await opening
    const { id, candidateModels, dataset, metric } = work
    const lost = new AbortController()
    const loseIt = () => lost.abort(new Error('the lease was lost'))
    const lease = setInterval(() => {
      renewEval(db, id, { owner, leaseMs: LEASE_MS }).then((isMine) => isMine || loseIt(), onError)
    }, RENEW_MS)
    const signal = AbortSignal.any([closing.signal, lost.signal])
    try {
      const said = await askAll(admission, work, {
        known: await evalAnswers(db, id),
        async keep(answers) {
          if (!(await keepEvalAnswers(db, id, owner, answers))) loseIt()
        },
        signal,
      })
      const expected = dataset.map((text) => text.expected)
      const { basis, scores } = scoreCandidates(candidateModels, said, expected)
      const winner = winnerOf(scores, metric)
      await finishEval(db, id, owner, {
        status: winner ? 'completed' : 'failed',
        winnerModel: winner?.model ?? null,
        summary: { basis, scores },
        error: winner ? null : 'No candidate has answered anything.',
      })
    } catch (thrown) {
      if (signal.aborted) return await releaseEval(db, id, owner)
      const { code, message: error } = asValenceError(thrown)
      // A store that is not there for a moment is no fault of the eval.
      if (code === 'internal' || code === 'busy') {
        onError(thrown)
        return await releaseEval(db, id, owner)
      }
      await finishEval(db, id, owner, { status: 'failed', winnerModel: null, summary: null, error })
    } finally {
      clearInterval(lease)
    }
  }

  // Whoever opens the store says what is wrong with it.
  const opened = opening.then(
    // Nobody else can have this store open: whoever ran an eval is dead.
    (store) => (store.kind === 'embedded' ? releaseAllEvals(store.db) : undefined),
    () => closing.abort(),
  )
  let looking = opened.then(takeUp).catch(onError)
  const timer = setInterval(() => {
    looking = looking.then(takeUp).catch(onError)
  }, LOOK_MS).unref()

  return evals
}

async function findOne(db: Store['db'], accountId: string, id: string): Promise<EvalRow> {
  const found = await findEval(db, accountId, id)
  if (!found) throw new ValenceError('not_found', 'There is no eval of this id.', { field: 'id' })
  return found
}

function refuseTwins(models: readonly string[]): void {
  const twin = models.find((model, index) => models.indexOf(model) < index)
  if (twin === undefined) return
  throw new ValenceError('invalid_request', `candidate_models names ${twin} twice.`, { field: 'candidate_models' })
}
