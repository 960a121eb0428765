import { Worker } from 'node:worker_threads'
import type { ModelFiles } from './read-model.ts'

/**
 * Reads a model's folder on a thread of its own: quantising hundreds of megabytes takes seconds, in which the server
 * answers.
 *
 * @throws Error that names the file and what is wrong with it; the signal's reason where it is aborted
 */
export async function readInThread(folder: string, signal: AbortSignal): Promise<ModelFiles> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: folder })
  const onAbort = () => void worker.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await new Promise<ModelFiles>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error(`the thread that read ${folder} ended early`)))
    })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
