import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { WORKLOADS_FILE } from '../subjects/competitors.ts'
import type { SubjectWorkloads } from '../subjects/protocol.ts'
import { type Answer, type Connection, headerOf, openConnection } from './http-client.ts'
import type { LoadJob, LoadReport } from './job.ts'

/**
 * The load generator, a process of its own and the same for all: `generate.ts <LoadJob as JSON>` prints a LoadReport.
 *
 * It stops sending when the time is over, and counts what is still under way then and the time that it takes, so that a
 * round cuts nothing off.
 */
const job = JSON.parse(process.argv[2]!) as LoadJob
const url = new URL(job.url)
const { texts } = (JSON.parse(readFileSync(WORKLOADS_FILE, 'utf8')) as SubjectWorkloads)[job.workload]!
const requests = texts.map(requestFor)

/** More than this wait for an answer at once only where a server neither answers nor refuses. */
const MOST_CONNECTIONS = 4000
const TICK_MS = 2

const report: LoadReport = {
  answered: 0,
  elapsedMs: 0,
  latenciesMs: [],
  failures: {},
  refused: { count: 0, withRetryAfter: 0, latenciesMs: [] },
  serverTimingMs: {},
  cpuMs: 0,
}
let next = job.start

function requestFor(text: string): Buffer {
  const { path, body, model } = job.request
  const payload = Buffer.from(JSON.stringify(body === 'infinity' ? { model, input: [text] } : { inputs: text }))
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: ${url.host}`,
    'content-type: application/json',
    `content-length: ${payload.length}`,
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), payload])
}

async function sendNext(connection: Connection): Promise<void> {
  const number = next++
  const request = job.numbered
    ? requestFor(`${texts[number % texts.length]} ${number}`)
    : requests[number % texts.length]!
  const sent = performance.now()
  const answer = await connection.send(request)
  note(answer, performance.now() - sent)
}

function note({ status, head }: Answer, ms: number): void {
  if (status === 200) {
    report.answered++
    report.latenciesMs.push(ms)
    noteServerTiming(headerOf(head, 'server-timing') ?? '')
    return
  }
  report.failures[status] = (report.failures[status] ?? 0) + 1
  if (status !== 429 && status !== 503) return
  report.refused.count++
  report.refused.latenciesMs.push(ms)
  if (headerOf(head, 'retry-after') !== undefined) report.refused.withRetryAfter++
}

function noteServerTiming(header: string): void {
  for (const [, name = '', ms] of header.matchAll(/([\w-]+);dur=([\d.]+)/g)) {
    report.serverTimingMs[name] = (report.serverTimingMs[name] ?? 0) + Number(ms)
  }
}

function noteBroken(error: unknown): void {
  const reason = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error)
  report.failures[reason] = (report.failures[reason] ?? 0) + 1
}

async function closedLoop(clients: number, until: number): Promise<void> {
  async function client(): Promise<void> {
    const connection = await openConnection(url)
    try {
      do await sendNext(connection)
      while (performance.now() < until)
    } finally {
      connection.close()
    }
  }
  await Promise.all(Array.from({ length: clients }, () => client().catch(noteBroken)))
}

/** Requests leave when they are due, late ones at once; each takes an idle connection or opens one. */
async function openLoop(perSecond: number, until: number): Promise<void> {
  const began = performance.now()
  const idle: Connection[] = []
  const underWay = new Set<Promise<void>>()
  let opened = 0
  let due = 0

  async function sendOne(): Promise<void> {
    const connection = idle.pop() ?? (await open())
    await sendNext(connection)
    idle.push(connection)
  }
  function open(): Promise<Connection> {
    if (opened++ >= MOST_CONNECTIONS) throw new Error(`more than ${MOST_CONNECTIONS} requests under way`)
    return openConnection(url)
  }

  while (performance.now() < until) {
    for (const target = ((performance.now() - began) / 1000) * perSecond; due < target; due++) {
      const sending: Promise<void> = sendOne()
        .catch(noteBroken)
        .finally(() => underWay.delete(sending))
      underWay.add(sending)
    }
    await sleep(TICK_MS)
  }
  await Promise.all(underWay)
  for (const connection of idle) connection.close()
}

const cpuBefore = process.cpuUsage()
const began = performance.now()
const until = began + job.seconds * 1000
await ('clients' in job.arrivals ? closedLoop(job.arrivals.clients, until) : openLoop(job.arrivals.perSecond, until))
report.elapsedMs = performance.now() - began
const { user, system } = process.cpuUsage(cpuBefore)
report.cpuMs = (user + system) / 1000
process.stdout.write(JSON.stringify(report))
