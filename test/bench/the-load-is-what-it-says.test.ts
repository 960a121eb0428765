import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { compiled } from '../../bench/compiled.ts'
import type { LoadJob } from '../../bench/load/job.ts'
import { runLoad, SOURCE } from '../../bench/load/run.ts'

const missing = await compiled(SOURCE).then(
  () => undefined,
  (error: Error) => error.message,
)
const HAS_COMPILER = missing !== 'there is no g++'
if (!HAS_COMPILER) console.log(`skipped: the load generator, as ${missing}`)

const TEXTS = ['short', 'with "quotes", ümlauts\n and 😀', 'x'.repeat(100_000)]

let server: Server | undefined
let connections = 0
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

/** Runs a load on a server that answers so. */
async function load(answer: Answer, job: Partial<LoadJob> = {}) {
  connections = 0
  server = createServer((request, response) => void answer(request, response)).on('connection', () => connections++)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return runLoad({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    request: { path: '/here', body: 'huggingface' },
    texts: TEXTS,
    start: 1,
    seconds: 0.2,
    arrivals: { clients: 3 },
    ...job,
  })
}

async function bodyOf(request: IncomingMessage): Promise<{ inputs: string }> {
  return (await json(request)) as { inputs: string }
}

function answerWith(response: ServerResponse, status: number, headers: Record<string, string> = {}, body = '{}'): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}

describe.skipIf(!HAS_COMPILER)('the load generator', () => {
  it('sends every text in turn, as it is, over connections that it keeps, and measures the answers', async () => {
    const seen: string[] = []
    const heads = new Set<string>()
    const report = await load(
      async (request, response) => {
        heads.add(`${request.method} ${request.url} ${request.headers.authorization}`)
        seen.push((await bodyOf(request)).inputs)
        answerWith(response, 200, { 'Server-Timing': 'tokenize;dur=0.25, queue;dur=1, total' }, 'é'.repeat(50_000))
      },
      { headers: ['authorization: Bearer me'], request: { path: '/here?a=b', body: 'huggingface' } },
    )
    expect(report).toMatchObject({ answered: seen.length, failures: {}, refused: { count: 0 } })
    expect(seen.length).toBeGreaterThan(10)
    // Clients send side by side, so that one may come in another's place.
    const due = seen.map((_, index) => TEXTS[(index + 1) % TEXTS.length])
    for (const text of TEXTS) expect(seen.filter((each) => each === text)).toEqual(due.filter((each) => each === text))
    expect([...heads]).toEqual(['POST /here?a=b Bearer me'])
    expect(connections).toBe(3)
    expect(report.latenciesMs).toHaveLength(seen.length)
    expect(Math.min(...report.latenciesMs)).toBeGreaterThan(0)
    expect(Math.max(...report.latenciesMs)).toBeLessThan(report.elapsedMs)
    expect(report.serverTimingMs).toEqual({ tokenize: seen.length / 4, queue: seen.length })
  })

  it('asks infinity as that wants it', async () => {
    const bodies = new Set<string>()
    await load(
      async (request, response) => {
        bodies.add(JSON.stringify(await bodyOf(request)))
        answerWith(response, 200)
      },
      { request: { path: '/classify', body: 'infinity', model: 'm' }, texts: ['a', 'b'] },
    )
    expect([...bodies].toSorted()).toEqual(['{"model":"m","input":["a"]}', '{"model":"m","input":["b"]}'])
  })

  it('an open load comes at its rate whatever comes back, no two texts alike', async () => {
    const seen = new Set<string>()
    let count = 0
    const report = await load(
      async (request, response) => {
        seen.add((await bodyOf(request)).inputs)
        // As many as come in a tenth of a second wait at once.
        setTimeout(() => answerWith(response, count++ % 2 ? 429 : 503, count % 4 ? { 'retry-after': '1' } : {}), 100)
      },
      { arrivals: { perSecond: 500 }, seconds: 0.5, numbered: true, texts: ['a', 'b'] },
    )
    expect(report.answered).toBe(0)
    expect(seen.size).toBe(report.refused.count)
    expect(seen).toContain('b 1')
    expect(seen).toContain('a 2')
    expect(report.refused.count).toBeGreaterThan(240)
    expect(report.refused.count).toBeLessThanOrEqual(250)
    expect(report.failures['429']! + report.failures['503']!).toBe(report.refused.count)
    expect(report.refused.withRetryAfter).toBe(Math.round(report.refused.count * 0.75))
    expect(Math.min(...report.refused.latenciesMs)).toBeGreaterThan(95)
  })

  it.each<[string, Answer, string]>([
    ['of unknown length', (_, response) => response.write('part') && response.end('part'), 'does not say its length'],
    ['that never comes', (request) => request.socket.destroy(), 'closed'],
    ['that is too long', (_, response) => answerWith(response, 200, {}, 'x'.repeat(2 ** 20)), 'too long'],
  ])('an answer %s is a failure, and ends its client', async (_, answer, reason) => {
    const report = await load((request, response) => request.resume().once('end', () => answer(request, response)))
    expect(report).toMatchObject({ answered: 0, latenciesMs: [] })
    expect(Object.entries(report.failures)).toEqual([[expect.stringContaining(reason), 3]])
  })

  it('a server that is not there is a failure as well', async () => {
    const report = await load((_, response) => answerWith(response, 200), { url: 'http://127.0.0.1:9' })
    expect(report.failures).toEqual({ 'Connection refused': 3 })
  })
})
