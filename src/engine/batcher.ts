import { ValenceError } from '../errors.ts'
import type { EncodedText, PackAnswer } from './backend.ts'
import { createIdenticalTexts, fingerprintOf, type Identified, type QueuedText } from './queued-text.ts'

/**
 * The queue between requests and workers.
 *
 * A job is one text of one model: waiting → running → done. Identical texts that are under way share one job. A job
 * lives as long as somebody waits for it: when the last one goes away, a waiting job leaves the queue at once and frees
 * its place, and a running one finishes for nobody.
 *
 * Jobs wait in two lanes, each with the bounds for itself: a background text begins only where no interactive one waits.
 */
export type Batcher = {
  /**
   * Admits all of the texts or none.
   *
   * @param options.lane interactive where it is left out
   * @param options.onDone told which text has its result, as soon as it has
   * @returns one result a text, in their order
   * @throws ValenceError `busy` where the queue has no room for all the new ones, `invalid_request` where it never has
   */
  submit(
    texts: readonly QueuedText[],
    signal: AbortSignal,
    options?: { lane?: Lane | undefined; onDone?: (index: number) => void },
  ): Promise<JobResult[]>
  /**
   * Asked before a text is read, so that refusing costs nothing; and not thrown, which was a fourteenth of what the event loop does for a refusal.
   *
   * @returns the refusal, `busy`, where nothing more can wait
   */
  whyFull(lane?: Lane): ValenceError | undefined
  /** Starts what can be started; the pool calls it when a worker is free. */
  dispatch(): void
  depth(): Depth
  /** Rejects whatever waits. */
  close(): void
}

/** Whether somebody waits for a text, or it takes what time the others leave. */
export type Lane = 'interactive' | 'background'

/** Texts that wait in each lane, and texts that run. */
export type Depth = { waiting: number; waitingInBackground: number; running: number }

export type JobResult = { logits: Float32Array; queueMs: number; inferenceMs: number }

type Waiter = { resolve: (result: JobResult) => void; reject: (reason: unknown) => void }

/** What waits in a lane, in the order of arrival. */
type LaneQueue = { jobs: Job[]; tokens: number }

/** waiting → running → gone; waiting → gone, when all who wait for it have left. */
type Job = Identified & {
  state: 'waiting' | 'running' | 'gone'
  lane: Lane
  waiters: Waiter[]
  enqueuedAt: number
}

/**
 * The tokens of a pack, unless one text has more. Every pack reads all the weights once, so small packs are bound by
 * memory, not by arithmetic; from 512 tokens on what is computed of them has no room in the caches any more, and the first text
 * waits for the last. With DistilBERT on AVX512-VNNI 256 tokens are 1% slower than 384, and 768 are 2%.
 */
export const PACK_TOKENS = 384

/**
 * A text waits for all of its pack, so a short one does not travel with one that has more than this many times its tokens:
 * that would cost it more than its turn, which comes, since the oldest text always goes first.
 */
const LIKE_LENGTHS = 4

/**
 * How many of a lane's texts are looked at for a pack: enough to find some that fill it, of another length or model as the others may
 * be. Looking at all of a full queue each time was 3% of the event loop's time under overload, since what waits is in no cache.
 */
const LOOK_AT = 128

/** A full queue drains in about this time on a small machine; any honest answer is better than none. */
const RETRY_AFTER_SECONDS = 1

export function createBatcher(options: {
  /** the most texts that may wait */
  maxWaiting: number
  /** the most tokens that they may have together */
  maxWaitingTokens: number
  pool: {
    canTake(modelId: string): boolean
    run(modelId: string, pack: EncodedText[]): Promise<PackAnswer[]>
  }
}): Batcher {
  const lanes: Record<Lane, LaneQueue> = { interactive: emptyLane(), background: emptyLane() }
  /** all jobs that wait or run, of one lane as of the other */
  const known = createIdenticalTexts<Job>()
  let running = 0
  let closed = false
  let dispatchesSoon = false

  function admit(texts: readonly QueuedText[], name: Lane): Job[] {
    const lane = lanes[name]
    const now = performance.now()
    const fresh: Job[] = []
    const jobs = texts.map((text) => {
      const fingerprint = fingerprintOf(text)
      const job: Job = { ...text, fingerprint, state: 'waiting', lane: name, waiters: [], enqueuedAt: now }
      const same = known.find(job, (other) => other.lane === name)
      if (same) return same
      known.add(job)
      fresh.push(job)
      return job
    })
    const freshTokens = fresh.reduce((sum, job) => sum + tokensOf(job), 0)
    try {
      if (freshTokens > options.maxWaitingTokens) throw tooManyTokens(freshTokens, options.maxWaitingTokens)
      if (
        lane.jobs.length + fresh.length > options.maxWaiting ||
        lane.tokens + freshTokens > options.maxWaitingTokens
      ) {
        throw queueFull()
      }
    } catch (error) {
      for (const job of fresh) known.remove(job)
      throw error
    }
    for (const job of fresh) lane.jobs.push(job)
    lane.tokens += freshTokens
    return jobs
  }

  /** Waits for all the jobs; leaves them all when the signal aborts or one of them fails. */
  function join(jobs: Job[], signal: AbortSignal, onDone?: (index: number) => void): Promise<JobResult[]> {
    return new Promise((resolve, reject) => {
      const results = Array.from<JobResult>({ length: jobs.length })
      let left = jobs.length
      const waiters = jobs.map(
        (_, index): Waiter => ({
          resolve: (result) => {
            results[index] = result
            onDone?.(index)
            if (--left > 0) return
            signal.removeEventListener('abort', onAbort)
            resolve(results)
          },
          reject: giveUp,
        }),
      )
      const onAbort = () => giveUp(signal.reason)
      function giveUp(reason: unknown): void {
        signal.removeEventListener('abort', onAbort)
        for (const [index, job] of jobs.entries()) leave(job, waiters[index]!)
        for (const lane of Object.values(lanes)) keepWaiting(lane.jobs)
        reject(reason)
      }
      for (const [index, job] of jobs.entries()) {
        // Most texts are waited for by one; an array that grows has room for 17.
        if (job.waiters.length === 0) job.waiters = [waiters[index]!]
        else job.waiters.push(waiters[index]!)
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  function leave(job: Job, waiter: Waiter): void {
    const index = job.waiters.indexOf(waiter)
    if (index !== -1) job.waiters.splice(index, 1)
    if (job.waiters.length === 0 && job.state === 'waiting') forget(job)
  }

  /** Call `keepWaiting` when all that go have gone: one that waited is still in its lane. */
  function forget(job: Job): void {
    if (job.state === 'running') running--
    if (job.state === 'waiting') lanes[job.lane].tokens -= tokensOf(job)
    if (job.state !== 'gone') known.remove(job)
    job.state = 'gone'
  }

  /** The oldest text of a model that can be run now; of the background only where no other can. */
  function oldest(): Job | undefined {
    for (const { jobs } of [lanes.interactive, lanes.background]) {
      let refused: string | undefined
      for (const job of jobs) {
        // A long queue is mostly of one model.
        if (job.modelId === refused) continue
        if (options.pool.canTake(job.modelId)) return job
        refused = job.modelId
      }
    }
    return undefined
  }

  /** Takes a text, and behind it the oldest others of its lane, model and like length, up to the pack's size. */
  function takePack(first: Job): Job[] {
    const lane = lanes[first.lane]
    const lookAt = Math.max(LOOK_AT, lane.jobs.indexOf(first) + 1)
    const pack = [first]
    let tokens = tokensOf(first)
    for (const job of lane.jobs.slice(0, lookAt)) {
      if (tokens >= PACK_TOKENS) break
      if (job === first || job.modelId !== first.modelId || !areAlike(tokensOf(job), tokensOf(first))) continue
      if (tokens + tokensOf(job) > PACK_TOKENS) continue
      pack.push(job)
      tokens += tokensOf(job)
    }
    for (const job of pack) job.state = 'running'
    running += pack.length
    lane.tokens -= tokens
    keepWaiting(lane.jobs, lookAt)
    return pack
  }

  /** Texts whose requests are read in one turn of the event loop go together; one that comes where nothing runs waits for no other. */
  function dispatchSoon(): void {
    if (running === 0) batcher.dispatch()
    else if (!dispatchesSoon) {
      dispatchesSoon = true
      setImmediate(() => {
        dispatchesSoon = false
        batcher.dispatch()
      })
    }
  }

  async function runPack(pack: Job[]): Promise<void> {
    const startedAt = performance.now()
    try {
      const texts = pack.map((job) => job.encoded)
      const answers = await options.pool.run(pack[0]!.modelId, texts)
      pack.forEach((job, index) => {
        const { logits, inferenceMs } = answers[index]!
        settle(job, (waiter) => waiter.resolve({ logits, inferenceMs, queueMs: startedAt - job.enqueuedAt }))
      })
    } catch (cause) {
      const error = closed
        ? shuttingDown()
        : new ValenceError('internal', 'The model failed on this text. The server log has the cause.', {
            cause,
          })
      for (const job of pack) settle(job, (waiter) => waiter.reject(error))
    }
  }

  function settle(job: Job, tell: (waiter: Waiter) => void): void {
    forget(job)
    const { waiters } = job
    job.waiters = []
    for (const waiter of waiters) tell(waiter)
  }

  const batcher: Batcher = {
    submit(texts, signal, { lane = 'interactive', onDone } = {}) {
      try {
        if (closed) throw shuttingDown()
        signal.throwIfAborted()
        const results = join(admit(texts, lane), signal, onDone)
        dispatchSoon()
        return results
      } catch (error) {
        return Promise.reject(error)
      }
    },
    whyFull(lane = 'interactive') {
      const { jobs, tokens } = lanes[lane]
      return jobs.length >= options.maxWaiting || tokens >= options.maxWaitingTokens ? queueFull() : undefined
    },
    dispatch() {
      for (let first = oldest(); first; first = oldest()) void runPack(takePack(first))
    },
    depth: () => ({
      waiting: lanes.interactive.jobs.length,
      waitingInBackground: lanes.background.jobs.length,
      running,
    }),
    close() {
      closed = true
      const error = shuttingDown()
      for (const { jobs } of Object.values(lanes)) {
        for (const job of jobs.splice(0)) settle(job, (waiter) => waiter.reject(error))
      }
    },
  }
  return batcher
}

function tokensOf({ encoded }: QueuedText): number {
  return encoded.ids.length
}

function areAlike(a: number, b: number): boolean {
  return a <= LIKE_LENGTHS * b && b <= LIKE_LENGTHS * a
}

/**
 * Takes out of the first texts of a lane what waits no longer, in place: an array that is left behind keeps what the next one holds
 * from young collections.
 */
function keepWaiting(jobs: Job[], first = jobs.length): void {
  const looked = Math.min(first, jobs.length)
  let kept = 0
  for (let index = 0; index < looked; index++) {
    const job = jobs[index]!
    if (job.state === 'waiting') jobs[kept++] = job
  }
  jobs.splice(kept, looked - kept)
}

function emptyLane(): LaneQueue {
  return { jobs: [], tokens: 0 }
}

function shuttingDown(): ValenceError {
  return new ValenceError('shutting_down', 'The server is shutting down.')
}

function queueFull(): ValenceError {
  return new ValenceError('busy', 'The server has as many texts waiting as it takes. Try again shortly.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}

function tooManyTokens(tokens: number, most: number): ValenceError {
  return new ValenceError(
    'invalid_request',
    `A request's texts may have at most ${most} tokens together; these have ${tokens}. Send them in several requests.`,
  )
}
