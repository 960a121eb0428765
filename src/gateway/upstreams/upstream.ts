import { setTimeout } from 'node:timers/promises'
import type { Classification, LabelScore, TextInput } from '../../engine/engine.ts'
import { ValenceError } from '../../errors.ts'
import { createLatency } from '../latency.ts'
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts'
import type { UpstreamSettings } from './configuration.ts'
import { huggingFaceUpstream } from './huggingface.ts'
import { openAiUpstream } from './openai.ts'
import type { Ask, Protocol, Said } from './protocol.ts'
import { postJson, UpstreamError } from './request.ts'
import { createSlots } from './slots.ts'
import { workersAiUpstream } from './workers-ai.ts'

/** Somebody else who answers: an address, what it speaks, and how it has been of late. */
export type Upstream = {
  name: string
  breaker: Pick<CircuitBreaker, 'state' | 'pauseLeftMs'>
  latencyMs(): number | undefined
  canAsk: Protocol['canAsk']
  /**
   * @param labels as the answer is to name them, in the order of `ask.labels`
   * @throws UpstreamError; ValenceError `busy` where its circuit is open or too much waits; the signal's reason
   */
  ask(ask: Ask, labels: readonly string[], signal: AbortSignal): Promise<Classification[]>
}

const PROTOCOLS: Readonly<Record<UpstreamSettings['protocol'], Protocol>> = {
  openai: openAiUpstream,
  'workers-ai': workersAiUpstream,
  huggingface: huggingFaceUpstream,
}

/** Shorter than the time of a request (30 s), so that there is some left for the next in the chain. */
const DEFAULT_TIMEOUT_MS = 10_000

const DEFAULT_MAX_CONCURRENT = 16

/** Enough for a connection that was just being closed; a longer pause is worse than the next in the chain. */
const PAUSE_BEFORE_RETRY_MS = 100

/** Where an upstream does not say, for prices by tokens: about what English text has. */
const CHARACTERS_PER_TOKEN = 4

export function createUpstream(name: string, settings: UpstreamSettings, key: string | undefined): Upstream {
  const { url, timeoutMs = DEFAULT_TIMEOUT_MS, maxConcurrent = DEFAULT_MAX_CONCURRENT } = settings
  const protocol = PROTOCOLS[settings.protocol]
  const slots = createSlots(maxConcurrent)
  const breaker = createCircuitBreaker()
  const latency = createLatency()
  const root = url.replace(/\/+$/, '')

  /** Once more where the first has done nothing there, so that nothing is done or paid twice. */
  async function post(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const options = { url: root + path, key, timeoutMs, slots }
    try {
      return await postJson(options, body, signal)
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.kind !== 'nothing_done') throw error
      await setTimeout(PAUSE_BEFORE_RETRY_MS, undefined, { signal })
      return await postJson(options, body, signal)
    }
  }

  return {
    name,
    breaker,
    latencyMs: () => latency.ms(),
    // None of the APIs has words for where a text is cut.
    canAsk: (ask) => ask.inputs.every(({ limit }) => limit === undefined) && protocol.canAsk(ask),
    async ask(ask, labels, signal) {
      if (!breaker.enter()) throw circuitOpen(breaker.pauseLeftMs())
      const startedAt = performance.now()
      // What one text's failure leaves of the others is of no use.
      const others = new AbortController()
      const all = AbortSignal.any([signal, others.signal])
      try {
        const said = await protocol.ask(ask, (path, body) => post(path, body, all))
        const results = said.map((each, index) => classification(each, ask, labels, ask.inputs[index]!))
        breaker.succeeded()
        const ms = performance.now() - startedAt
        latency.took(ms, said.length)
        return results.map((result) => ({
          ...result,
          timings: { tokenizeMs: 0, queueMs: 0, inferenceMs: ms / said.length },
        }))
      } catch (error) {
        others.abort(error)
        if (isItsFault(error)) breaker.failed()
        else breaker.toldNothing()
        throw error
      }
    },
  }
}

/** A request's own time may be shorter than what the upstream is given, and was spent waiting for it all the same. */
function isItsFault(error: unknown): boolean {
  if (error instanceof ValenceError) return error.code === 'timed_out'
  return error instanceof UpstreamError && error.kind !== 'refused'
}

/** What a text has about, where nobody counts. */
export function estimatedTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN)
}

function classification(
  { scores, tokens }: Said,
  ask: Ask,
  labels: readonly string[],
  { text, pair = '' }: TextInput,
): Omit<Classification, 'timings'> {
  return {
    scores: named(scores, ask.labels, labels),
    tokens: tokens ?? estimatedTokens(text + pair),
    truncated: false,
  }
}

/** Its scores under our names and in our order. */
function named(scores: readonly LabelScore[], theirs: readonly string[], ours: readonly string[]): LabelScore[] {
  return ours.map((label, index) => {
    const found = scores.find((score) => score.label.toUpperCase() === theirs[index]!.toUpperCase())
    if (!found) throw new UpstreamError('failed', `its answer lacks the label ${theirs[index]}`)
    return { label, score: found.score }
  })
}

function circuitOpen(pauseLeftMs: number): ValenceError {
  return new ValenceError('busy', 'Whoever answers for this model has failed again and again. Try again shortly.', {
    retryAfterSeconds: Math.max(1, Math.ceil(pauseLeftMs / 1000)),
  })
}
