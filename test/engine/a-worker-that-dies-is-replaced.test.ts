import type { Worker } from 'node:worker_threads'
import { afterEach, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { embeddedEngine, MODEL, never } from '../support/engine.ts'

let engine: Engine
afterEach(() => engine.close())

it('and texts that come meanwhile wait for the new one', async () => {
  const workers: Worker[] = []
  const remember = (worker: Worker) => void workers.push(worker)
  process.on('worker', remember)
  const failures: Error[] = []
  engine = await embeddedEngine({
    backend: 'onnxruntime',
    workers: 1,
    onWorkerFailure: (error: Error) => void failures.push(error),
  })
  expect(engine.canRun()).toBe(true)

  // Idle, as ONNX Runtime aborts the process when a thread is ended within it.
  await workers[0]!.terminate()
  expect(engine.canRun()).toBe(false)
  expect(failures).toHaveLength(1)

  const [result] = await engine.classify(MODEL, [{ text: 'This pizza is great!' }], { signal: never() })
  expect(result!.scores[1]!.score).toBeGreaterThan(0.9)
  expect(engine.canRun()).toBe(true)
  expect(workers).toHaveLength(2)
  process.off('worker', remember)
})
