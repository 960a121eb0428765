import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ThreadJob } from './thread.ts'

/** One probe of one version, in a process of its own: `probe.ts <job as JSON>` prints its report as JSON. */

const THREADS_TO_TERMINATE = 2
/** Spreads the terminations over the length of a run, which takes some 50 ms. */
const LONGEST_WAIT_MS = 60

function startThread(job: ThreadJob): Worker {
  return new Worker(new URL('./thread.ts', import.meta.url), { workerData: job })
}

async function report(job: ThreadJob): Promise<unknown> {
  const [message] = await once(startThread(job), 'message')
  return message
}

/** Ends threads in the middle of their work, as `pool.close()` does; whether the process then ends well is the test. */
async function terminateBusyThreads(job: ThreadJob): Promise<unknown> {
  const threads = Array.from({ length: THREADS_TO_TERMINATE }, () => startThread(job))
  await Promise.all(threads.map((thread) => once(thread, 'message')))
  await sleep(Math.random() * LONGEST_WAIT_MS)
  const started = performance.now()
  await Promise.all(threads.map((thread) => thread.terminate()))
  return { terminateMs: performance.now() - started }
}

const job = JSON.parse(process.argv[2]!) as ThreadJob
console.log(JSON.stringify(await (job.probe === 'busy' ? terminateBusyThreads(job) : report(job))))
