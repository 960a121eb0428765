import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { readModel } from './read-model.ts'

/** A thread that reads one model and ends; `read-in-thread.ts` is its other end. The network lies on shared memory. */
if (!parentPort) throw new Error('loading/worker.ts runs as a worker thread only')

/**
 * Beside a thread that answers and wants the same processor, this one gets a tenth of it. Less would keep whoever waits for
 * the model waiting for minutes, as long as the others are busy.
 */
const NICENESS = 10

// Elsewhere a priority is the whole process's.
if (process.platform === 'linux') setPriority(NICENESS)

parentPort.postMessage(readModel(workerData as string))
