import { parentPort, workerData } from 'node:worker_threads'
import { readModel } from './read-model.ts'

/** A thread that reads one model and ends; `read-in-thread.ts` is its other end. The network lies on shared memory. */
if (!parentPort) throw new Error('loading/worker.ts runs as a worker thread only')
parentPort.postMessage(readModel(workerData as string))
