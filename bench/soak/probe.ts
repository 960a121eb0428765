import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Ending, ThreadJob } from './thread.ts'

/** One probe of one version, in a process of its own: `probe.ts <job as JSON>` prints its report as JSON. */

const THREADS_TO_END = 2
/** Spreads the terminations over the length of a run, which takes some 50 ms. */
const LONGEST_WAIT_MS = 60

function startThread(job: ThreadJob): Worker {
  return new Worker(new URL('./thread.ts', import.meta.url), { workerData: job })
}

async function report(job: ThreadJob): Promise<unknown> {
  const [message] = await once(startThread(job), 'message')
  return message
}

/** Ends threads in one of the ways in which a server might; whether the process then ends well is the test. */
async function endThreads(job: ThreadJob & { probe: 'end' }): Promise<unknown> {
  const threads = Array.from({ length: THREADS_TO_END }, () => startThread(job))
  await Promise.all(threads.map((thread) => once(thread, 'message')))
  await sleep(Math.random() * LONGEST_WAIT_MS)
  if (job.how === 'exit while busy') {
    console.log('{"endMs":0}')
    process.exit(0)
  }
  const started = performance.now()
  await Promise.all(threads.map((thread) => endThread(thread, job.how)))
  return { endMs: performance.now() - started }
}

async function endThread(thread: Worker, how: Ending): Promise<unknown> {
  if (how !== 'ask') return thread.terminate()
  thread.postMessage('stop')
  return once(thread, 'exit')
}

const job = JSON.parse(process.argv[2]!) as ThreadJob
console.log(JSON.stringify(await (job.probe === 'end' ? endThreads(job) : report(job))))
