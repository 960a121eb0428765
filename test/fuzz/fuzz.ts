import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { type RunningServer, startTestServer } from '../support/server.ts'
import type { WireAnswer } from './answers.ts'
import { faultOf, faultOfProtocolError } from './check.ts'
import { anyRequest, type FuzzRequest, type HttpRequest, heavyRequest, type RawRequest } from './requests.ts'
import { createSender, type Outcome } from './send.ts'

const CONCURRENCY = 16
/** Requests are drawn in lots, so that a hundred thousand never lie in memory together. */
const LOT = 500
/** Of the requests, before which memory is not judged: caches fill, code is compiled. */
const WARM_UP_SHARE = 0.1
/** Beside those that are counted. */
const HEAVY_REQUESTS = 300
const MEMORY_EVERY = 10_000
const MOST_FAULTS_KEPT = 40
const MIB = 2 ** 20

export type FuzzReport = {
  seed: number
  requests: number
  seconds: number
  /** how many requests ended how: a status, or what happened instead of an answer */
  outcomes: Record<string, number>
  /** what was wrong, and with which request; the first few of each kind */
  faults: string[]
  faultCount: number
  /** the server's memory after the warm-up, then every so many requests, and at the end; garbage is collected before */
  rssMiB: number[]
}

/** Sends that many requests, drawn by the seed, to a server of its own, and says what was wrong. */
export async function fuzz({ requests, seed }: { requests: number; seed: number }): Promise<FuzzReport> {
  const preload = new URL('./collect-on-signal.ts', import.meta.url).href
  const server = await startTestServer([], { NODE_OPTIONS: `--import=${preload}`, VALENCE_LOG_LEVEL: 'error' })
  try {
    return await fuzzServer(server, requests, seed)
  } finally {
    await server.stop()
  }
}

async function fuzzServer(server: RunningServer, count: number, seed: number): Promise<FuzzReport> {
  const sender = createSender(server.url, CONCURRENCY)
  const outcomes: Record<string, number> = {}
  const faults: string[] = []
  const kinds = new Map<string, number>()
  let faultCount = 0

  function record(request: FuzzRequest, outcome: string, fault: string | undefined): void {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    if (fault === undefined) return
    faultCount++
    // Of one kind of fault a few examples say all; the others must not be crowded out.
    const kind = `${fault} ${request.kind === 'raw' ? request.name : ''}`
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    if (kinds.get(kind)! <= 3 && faults.length < MOST_FAULTS_KEPT) faults.push(`${fault} ← ${described(request)}`)
  }

  async function sendHttp(request: HttpRequest): Promise<void> {
    const outcome: Outcome = await sender.http(request)
    if (typeof outcome === 'string') return record(request, outcome, outcome === 'no answer' ? outcome : undefined)
    const sent = `${request.path} ${safelyDecoded(request.path)} ${request.body?.().toString('utf8') ?? ''}`
    record(request, String(outcome.status), faultOf(outcome, { ...request, sent }))
  }

  async function sendRaw(request: RawRequest): Promise<void> {
    const answers = await sender.raw(request)
    const { requests: asked } = request
    if (answers.length < asked.length && !closes(answers.at(-1))) {
      return record(request, 'raw', `${answers.length} of ${asked.length} answers came`)
    }
    const found = answers.map((answer, index) => {
      const sent = request.bytes.toString('latin1')
      const about = asked[index]
      return about ? faultOf(answer, { ...about, sent, valid: false }) : faultOfReadable(request, answer)
    })
    record(
      request,
      'raw',
      found.find((fault) => fault !== undefined),
    )
  }

  async function sendAll(from: FuzzRequest[]): Promise<void> {
    const queue = from.values()
    const runner = async () => {
      for (const request of queue) {
        await (request.kind === 'http' ? sendHttp(request) : sendRaw(request)).catch((error: unknown) =>
          record(request, 'failed', `the exchange failed: ${String(error)}`),
        )
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, runner))
  }

  const started = performance.now()
  const warmUp = Math.ceil(count * WARM_UP_SHARE)
  const rssMiB: number[] = []
  await sendAll(fc.sample(heavyRequest, { numRuns: HEAVY_REQUESTS, seed }))
  for (let sent = 0; sent < count; ) {
    const size = Math.min(LOT, sent < warmUp ? warmUp - sent : count - sent)
    await sendAll(fc.sample(anyRequest, { numRuns: size, seed: seed + sent }))
    sent += size
    expectAlive(server)
    if (sent === warmUp || (sent > warmUp && sent % MEMORY_EVERY === 0)) rssMiB.push(await keptMemory(server))
  }
  rssMiB.push(await keptMemory(server))
  await expectHealth(server)
  sender.close()
  const seconds = (performance.now() - started) / 1000
  return { seed, requests: count, seconds, outcomes, faults, faultCount, rssMiB }
}

/** An answer after which the server takes no more from this connection; what the client sent behind it is lost. */
function closes(answer: WireAnswer | undefined): boolean {
  return answer?.headers.connection === 'close'
}

/** A broken request may be read after all, up to where it breaks: what then comes is judged by its status alone. */
function faultOfReadable({ requests }: RawRequest, answer: WireAnswer) {
  return requests.length === 0 && answer.status >= 400 ? faultOfProtocolError(answer) : undefined
}

async function keptMemory({ process: { pid } }: RunningServer): Promise<number> {
  await sleep(300)
  // Twice: what the first collection finalises, the second one frees.
  for (let round = 0; round < 2; round++) {
    process.kill(pid!, 'SIGUSR2')
    await sleep(300)
  }
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kib) * 1024) / MIB
}

function expectAlive({ process: { exitCode, signalCode }, output }: RunningServer): void {
  if (exitCode === null && signalCode === null) return
  throw new Error(`the server ended with ${exitCode ?? signalCode}:\n${output().slice(-2000)}`)
}

async function expectHealth({ url }: RunningServer): Promise<void> {
  const response = await fetch(`${url}/health`)
  const { status } = (await response.json()) as { status: string }
  if (status !== 'ok') throw new Error(`/health says ${status}`)
}

function safelyDecoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}

function described(request: FuzzRequest): string {
  if (request.kind === 'raw')
    return `${request.name}: ${JSON.stringify(request.bytes.toString('latin1').slice(0, 300))}`
  const { method, path, headers, body, chunked } = request
  const shown = body?.().toString('latin1', 0, 200)
  return `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 200)} ${chunked ? 'chunked ' : ''}${JSON.stringify(shown)}`
}
