import { parentPort } from 'node:worker_threads'
import { collectGarbage } from './collect-garbage.ts'
import { onnxBackend, type SessionBackend } from './onnx/backend.ts'
import { onnxFileBackend } from './onnx/file-backend.ts'
import type { FromWorker, ToWorker, WorkerRequest } from './protocol.ts'

/** A worker thread: it holds the models and computes one pack at a time. `pool.ts` is its other end. */
if (!parentPort) throw new Error('engine/worker.ts runs as a worker thread only')
const port = parentPort
const backends = new Map<string, SessionBackend>()

/** One after another: a session must not be released while it runs a pack for somebody who has gone away. */
let last: Promise<unknown> = Promise.resolve()

port.on('message', (message: ToWorker) => {
  if (message.type === 'stop') return port.close()
  last = last.then(() => answer(message)).then((reply) => port.postMessage(reply))
})

async function answer(message: WorkerRequest): Promise<FromWorker> {
  const { id } = message
  try {
    if (message.type === 'load') {
      const { modelId, network } = message
      backends.set(modelId, await ('onnxPath' in network ? onnxFileBackend(network) : onnxBackend(network)))
      // What the session was made of is as large as the model.
      collectGarbage()
      return { type: 'loaded', id }
    }
    if (message.type === 'unload') {
      await backends.get(message.modelId)?.close()
      backends.delete(message.modelId)
      collectGarbage()
      return { type: 'unloaded', id }
    }
    const backend = backends.get(message.modelId)
    if (!backend) throw new Error(`the model ${message.modelId} is not loaded`)
    return { type: 'answers', id, answers: await backend.run(message.pack) }
  } catch (error) {
    return { type: 'failed', id, message: error instanceof Error ? error.message : String(error) }
  }
}
