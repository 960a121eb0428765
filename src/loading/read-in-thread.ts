import { Worker } from 'node:worker_threads'
import type { ModelFiles } from './read-model.ts'

export type ReadingTask = { folder: string; hashed: boolean }

/** A model's files, and the hash of its weights where it was asked for. */
export type ReadModel = { files: ModelFiles; hash: string | undefined }

/**
 * Reads a model's folder on a thread of its own, which has ended when this resolves: quantising hundreds of megabytes takes a
 * while, in which the server answers.
 *
 * @throws Error that names the file and what is wrong with it; the signal's reason where it is aborted
 */
export async function readInThread(task: ReadingTask, signal: AbortSignal): Promise<ReadModel> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task })
  const onAbort = () => void worker.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await new Promise<ReadModel>((resolve, reject) => {
      let read: ReadModel | undefined
      worker.once('message', (message: ReadModel) => {
        read = message
      })
      worker.once('error', reject)
      worker.once('exit', () =>
        read ? resolve(read) : reject(new Error(`the thread that read ${task.folder} ended early`)),
      )
    })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
