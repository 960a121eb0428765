import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { asValenceError, ValenceError } from '../../errors.ts'
import type { Admission, Call } from '../../gateway/admission.ts'
import { type EvalRow, findEval, finishEval, insertEval, listEvals, renewEval } from '../../store/evals.ts'
import type { Store } from '../../store/store.ts'
import { type Metric, type Said, scoreCandidates, winnerOf } from './score.ts'

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
  /** Ends those under way as failed, and waits for them. */
  close(): Promise<void>
}

/** Whose it is, and what its calls are known by. */
export type EvalCall = Pick<Call, 'caller' | 'route' | 'tag'>

export type EvalRequest = {
  name: string | undefined
  candidateModels: readonly string[]
  dataset: readonly { text: string; expected: string | undefined }[]
  metric: Metric
}

/** Each holds its dataset in memory. */
const MAX_RUNNING = 8

/** As many calls of one at once as leave room for others; one where speed is measured, as calls wait for one another. */
const CALLS_AT_ONCE: Readonly<Record<Metric, number>> = { quality: 4, cost: 4, speed: 1 }

/** An eval has time, and what it measures is not how long a model takes to come. */
const PATIENCE = { waitsForModel: true }

/** What passes away is asked again, since an eval has time; after that the call counts as failed. */
const PAUSES_MS = [200, 1000, 5000]

const PASSES_AWAY = new Set(['busy', 'model_loading'])

/** One that is not renewed for this long has died with its process. */
const LEASE_MS = 60_000
const RENEW_MS = 15_000

/** What would come again with every call: there is no use in going on. */
const HOPELESS = new Set(['insufficient_credits', 'budget_exceeded', 'scope_exceeded', 'shutting_down'])

export function createEvals(options: {
  opening: Promise<Store>
  admission: Pick<Admission, 'classify' | 'bring'>
  onError: (error: unknown) => void
}): Evals {
  const { opening, admission, onError } = options
  const running = new Set<Promise<void>>()
  const closing = new AbortController()

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
      const { accountId } = call.caller
      const { name = id, dataset, metric } = request
      await insertEval(db, { id, accountId, name, candidateModels, datasetSize: dataset.length, metric }, LEASE_MS)
      const work = runToItsEnd(id, call, { ...request, candidateModels })
        .catch(onError)
        .finally(() => running.delete(work))
      running.add(work)
      const timeIsUp = new AbortController()
      await Promise.race([work, setTimeout(waitMs, undefined, { signal: timeIsUp.signal, ref: false })])
      timeIsUp.abort()
      return evals.get(accountId, id)
    },
    async get(accountId, id) {
      const { db } = await opening
      const found = await findEval(db, accountId, id)
      if (!found) throw new ValenceError('not_found', 'There is no eval of this id.', { field: 'id' })
      return found
    },
    list: async (accountId, limit) => listEvals((await opening).db, accountId, limit),
    async close() {
      closing.abort(new ValenceError('shutting_down', 'The server was stopped while it ran.'))
      await Promise.all(running)
    },
  }

  /** Runs it under a lease, and writes down how it ended. */
  async function runToItsEnd(id: string, call: EvalCall, request: EvalRequest): Promise<void> {
    const { db } = await opening
    const lost = new AbortController()
    const lease = setInterval(() => {
      renewEval(db, id, LEASE_MS).then((isMine) => isMine || lost.abort(new Error('the lease was lost')), onError)
    }, RENEW_MS)
    try {
      const signal = AbortSignal.any([closing.signal, lost.signal])
      const said = await askAll(id, call, request, signal)
      const { dataset, candidateModels, metric } = request
      const { basis, scores } = scoreCandidates(
        candidateModels,
        said,
        dataset.map(({ expected }) => expected),
      )
      const winner = winnerOf(scores, metric)
      await finishEval(db, id, {
        status: winner ? 'completed' : 'failed',
        winnerModel: winner?.model ?? null,
        summary: { basis, scores },
        error: winner ? null : 'No candidate has answered anything.',
      })
    } catch (thrown) {
      const { message } = asValenceError(thrown)
      await finishEval(db, id, { status: 'failed', winnerModel: null, summary: null, error: message })
      if (!(thrown instanceof ValenceError)) onError(thrown)
    } finally {
      clearInterval(lease)
    }
  }

  /** Text by text, every candidate in turn, so that a busy minute meets them all alike. */
  async function askAll(id: string, call: EvalCall, request: EvalRequest, signal: AbortSignal): Promise<Said[][]> {
    const { candidateModels, dataset, metric } = request
    const said: Said[][] = candidateModels.map(() => [])
    const failure = new AbortController()
    const either = AbortSignal.any([signal, failure.signal])
    let next = 0
    async function takeTurns(): Promise<void> {
      while (next < dataset.length && !either.aborted) {
        const text = next++
        for (const [candidate, model] of candidateModels.entries()) {
          const requestId = `${id}.${candidate}.${text}`
          const one = { ...call, requestId, model, inputs: [{ text: dataset[text]!.text }], signal: either }
          said[candidate]![text] = await ask({ ...one, cache: 'skip', patience: PATIENCE })
        }
      }
    }
    const turns = Array.from({ length: CALLS_AT_ONCE[metric] }, () =>
      takeTurns().catch((error: unknown) => {
        failure.abort(error)
        throw error
      }),
    )
    const [failed] = (await Promise.allSettled(turns)).filter((turn) => turn.status === 'rejected')
    signal.throwIfAborted()
    if (failed) throw failed.reason
    return said
  }

  /** @throws what would come again with every call; anything else is an answer that is missing */
  async function ask(call: Call): Promise<Said> {
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      const startedAt = performance.now()
      try {
        const { results, costMicros } = await admission.classify(call)
        return { label: topLabel(results[0]!.scores), costMicros, latencyMs: performance.now() - startedAt }
      } catch (thrown) {
        call.signal.throwIfAborted()
        const { code } = asValenceError(thrown)
        if (HOPELESS.has(code)) throw thrown
        if (!PASSES_AWAY.has(code) || pauseMs === undefined) break
        await setTimeout(pauseMs, undefined, { signal: call.signal })
      }
    }
    return { label: undefined, costMicros: 0, latencyMs: 0 }
  }

  return evals
}

function topLabel(scores: readonly { label: string; score: number }[]): string {
  return scores.toSorted((a, b) => b.score - a.score)[0]!.label
}

function refuseTwins(models: readonly string[]): void {
  const twin = models.find((model, index) => models.indexOf(model) < index)
  if (twin === undefined) return
  throw new ValenceError('invalid_request', `candidate_models names ${twin} twice.`, { field: 'candidate_models' })
}
