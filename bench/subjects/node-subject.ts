import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import { type Hello, MARK, type Reply, type SubjectWorkloads, type Task, type TimedReply } from './protocol.ts'

/** A library that runs in Node. */
export type NodeSubject = {
  versions: Hello['versions']
  /** @returns the score of POSITIVE for each text */
  classify(texts: string[]): Promise<number[]>
  /** told all texts once, before anything is timed */
  prepare?(texts: readonly string[]): void
  /** how many lists the library is given at once: more than one where it has a queue of its own */
  listsAtOnce: number
  /** false for what has a server of its own */
  serve: boolean
}

/** Serves and answers tasks until its standard input ends. */
export async function runSubject(subject: NodeSubject, workloadsFile: string): Promise<void> {
  const workloads = JSON.parse(readFileSync(workloadsFile, 'utf8')) as SubjectWorkloads
  for (const { texts } of Object.values(workloads)) subject.prepare?.(texts)
  await subject.classify(['A first text, for whatever is made only when it is needed.'])
  const url = subject.serve ? await listen(subject) : undefined
  tell({ ...(url !== undefined && { url }), versions: subject.versions })
  for await (const line of createInterface({ input: process.stdin })) {
    const task = JSON.parse(line) as Task
    tell(await answer(subject, workloads, task).catch((error: unknown) => ({ error: String(error) })))
  }
  process.exit(0)
}

function tell(message: Hello | Reply): void {
  process.stdout.write(`${MARK}${JSON.stringify(message)}\n`)
}

async function answer(subject: NodeSubject, workloads: SubjectWorkloads, task: Task): Promise<Reply> {
  if (task.task === 'scores') {
    const scores: number[] = []
    for (const text of task.texts) scores.push(...(await subject.classify([text])))
    return { scores }
  }
  const workload = workloads[task.workload]!
  return task.task === 'one' ? runOne(subject, workload, task) : runBatches(subject, workload, task)
}

type Timed = Extract<Task, { seconds: number }>

async function runOne(
  { classify }: NodeSubject,
  { texts }: SubjectWorkloads[string],
  { start, seconds }: Timed,
): Promise<TimedReply> {
  const latenciesMs: number[] = []
  const began = performance.now()
  while (performance.now() - began < seconds * 1000 || latenciesMs.length === 0) {
    const sent = performance.now()
    await classify([texts[(start + latenciesMs.length) % texts.length]!])
    latenciesMs.push(performance.now() - sent)
  }
  return { units: latenciesMs.length, elapsedMs: performance.now() - began, latenciesMs }
}

async function runBatches(
  { classify, listsAtOnce }: NodeSubject,
  { texts, batches }: SubjectWorkloads[string],
  { start, seconds }: Timed,
): Promise<TimedReply> {
  let units = 0
  const began = performance.now()
  async function take(): Promise<void> {
    while (performance.now() - began < seconds * 1000 || units === 0) {
      const batch = batches[(start + units++) % batches.length]!
      await classify(batch.map((index) => texts[index]!))
    }
  }
  await Promise.all(Array.from({ length: listsAtOnce }, take))
  return { units, elapsedMs: performance.now() - began }
}

/** As thin as a server can be: one text a request, POST / {"inputs": text}, computed as it comes. */
async function listen({ classify }: NodeSubject): Promise<string> {
  const server = createServer((request, response) => {
    const answered = json(request).then(async (body) => {
      const [score = Number.NaN] = await classify([(body as { inputs: string }).inputs])
      const labels = [
        { label: 'POSITIVE', score },
        { label: 'NEGATIVE', score: 1 - score },
      ]
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify([labels]))
    })
    answered.catch((error: unknown) => {
      response.statusCode = 500
      response.end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
