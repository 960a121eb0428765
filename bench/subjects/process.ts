import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchModel, Command, Competitor, RequestShape, ServerCommand } from './competitors.ts'
import { type Hello, MARK, type Reply, type ScoresReply, type Task, type TimedReply } from './protocol.ts'

/** A library's running processes. All are stopped (SIGSTOP) but while they are measured, so that none disturbs another. */
export type Subject = {
  competitor: Competitor
  versions: Hello['versions']
  /** undefined for what is a server only */
  ask?: { timed(task: Task): Promise<TimedReply> }
  /** The score of POSITIVE for each text, each computed by itself. */
  scores(texts: string[]): Promise<number[]>
  /** where it answers over HTTP, and how it is asked; undefined for what has no server */
  http?: { url: string; request: RequestShape /** of the server */; pid: number }
  /** Lets its server run while `work` does. */
  whileServing<T>(work: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** Compiling a model may take minutes where the library does that at its start. */
const START_WITHIN_MS = 600_000
const ANSWER_WITHIN_MS = 600_000
const KEPT_OUTPUT = 4000
const POLL_MS = 200
const STOP_WITHIN_MS = 5000

/** Those that have not ended. A bench that is ended itself must not leave them behind: they are stopped, and hold ports and folders. */
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code))
}

type Running = { child: ChildProcess; lines: AsyncIterator<string>; output(): string }

/** @throws Error with the end of what the process said, where it does not start */
export async function startSubject(competitor: Competitor, model: BenchModel): Promise<Subject> {
  const engine = competitor.engine && start(competitor.engine(model))
  const server = competitor.server?.(model)
  const serving = server && start(server)
  const all = [engine, serving].filter((running) => running !== undefined)
  try {
    const hello = engine && (await nextMessage<Hello>(engine, START_WITHIN_MS))
    const url = server && serving ? await addressOf(server, serving) : hello?.url
    const httpChild = (serving ?? engine)!.child
    const request = server?.request ?? { path: '/', body: 'huggingface' }
    for (const { child } of all) child.kill('SIGSTOP')
    return {
      competitor,
      versions: hello?.versions ?? {},
      ...(engine && { ask: { timed: (task) => ask<TimedReply>(engine, task) } }),
      scores: async (texts) =>
        engine
          ? (await ask<ScoresReply>(engine, { task: 'scores', texts })).scores
          : awake(httpChild, () => scoresOverHttp(url!, request, texts)),
      ...(url !== undefined && { http: { url, request, pid: httpChild.pid! } }),
      whileServing: (work) => awake(httpChild, work),
      stop: async () => {
        await Promise.all(all.map(({ child }) => end(child)))
      },
    }
  } catch (error) {
    await Promise.all(all.map(({ child }) => end(child)))
    throw error
  }
}

function start({ file, args, env, cwd }: Command): Running {
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  let output = ''
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-KEPT_OUTPUT)
  }
  child.stderr.setEncoding('utf8').on('data', keep)
  child.stdout.setEncoding('utf8').on('data', keep)
  child.once('error', (error) => keep(String(error)))
  // A task sent to a process that has died must not end the bench; whoever waits for the answer hears of it.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return { child, lines, output: () => output }
}

function ask<T extends Reply>(running: Running, task: Task): Promise<T> {
  return awake(running.child, async () => {
    running.child.stdin!.write(`${JSON.stringify(task)}\n`)
    const reply = await nextMessage<Reply>(running, ANSWER_WITHIN_MS)
    if ('error' in reply) throw new Error(reply.error)
    return reply as T
  })
}

async function scoresOverHttp(url: string, { path, body, model }: RequestShape, texts: string[]): Promise<number[]> {
  const scores: number[] = []
  for (const text of texts) {
    const payload = body === 'infinity' ? { model, input: [text] } : { inputs: [text] }
    const response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payload),
    })
    if (!response.ok) throw new Error(`its server answered ${response.status}: ${await response.text()}`)
    const answer = (await response.json()) as LabelScores[] | { data: LabelScores[] }
    const [labels = []] = Array.isArray(answer) ? answer : answer.data
    scores.push(labels.find(({ label }) => label === 'POSITIVE')?.score ?? Number.NaN)
  }
  return scores
}

type LabelScores = { label: string; score: number }[]

async function awake<T>(child: ChildProcess, work: () => Promise<T>): Promise<T> {
  child.kill('SIGCONT')
  try {
    return await work()
  } finally {
    child.kill('SIGSTOP')
  }
}

async function nextMessage<T>(running: Running, withinMs: number): Promise<T> {
  const timer = new AbortController()
  const late = sleep(withinMs, undefined, { signal: timer.signal, ref: false }).then(
    () => {
      throw new Error(`no answer within ${withinMs / 1000} s: ${reasonIn(running.output())}`)
    },
    () => undefined,
  )
  try {
    for (;;) {
      const next = await Promise.race([running.lines.next(), late])
      if (!next || next.done) throw new Error(`it ended: ${reasonIn(running.output())}`)
      if (next.value.startsWith(MARK)) return JSON.parse(next.value.slice(MARK.length)) as T
    }
  } finally {
    timer.abort()
  }
}

async function addressOf(server: ServerCommand, { child, output }: Running): Promise<string> {
  const until = performance.now() + START_WITHIN_MS
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`its server ended: ${reasonIn(output())}`)
    if (typeof server.address === 'number') {
      const url = `http://127.0.0.1:${server.address}`
      if (await answers(url)) return url
    } else {
      const found = server.address.exec(output())?.[1]
      if (found !== undefined) return found
    }
    await sleep(POLL_MS)
  }
  throw new Error(`its server was not ready in time: ${reasonIn(output())}`)
}

function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    (response) => response.ok,
    () => false,
  )
}

/** What went wrong stands before the stack in Node, behind it in Python. */
function reasonIn(output: string): string {
  const lines = output.trimEnd().split('\n')
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1) ?? ''
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  await Promise.race([exited, sleep(STOP_WITHIN_MS, undefined, { ref: false })])
  child.kill('SIGKILL')
}
