import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { comeAfterOthers } from '../engine/priority.ts'
import type { ReadingTask, ReadModel } from './read-in-thread.ts'

/** A thread that reads one model and ends; `read-in-thread.ts` is its other end. The network lies on shared memory. */
if (!parentPort) throw new Error('loading/worker.ts runs as a worker thread only')

await comeAfterOthers()

// Imported only now, as that takes a tenth of a second, and half of that where what was compiled once is kept.
enableCompileCache()
const { createPace } = await import('./pace.ts')
const { readModel } = await import('./read-model.ts')
const { hashOfWeights } = await import('../catalog/weights-hash.ts')

const { folder, hashed } = workerData as ReadingTask
const pace = createPace()
const files = readModel(folder, pace)
const read: ReadModel = { files, hash: hashed ? await hashOfWeights(folder, pace) : undefined }
parentPort.postMessage(read)
