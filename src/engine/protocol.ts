import type { EncodedText, PackAnswer } from './backend.ts'
import type { Network, OnnxFile } from './network.ts'

/** What the pool says to a worker. */
export type ToWorker = WorkerRequest | { type: 'stop' }

/** What a worker answers to; `id` pairs a request with its reply. */
export type WorkerRequest =
  | { type: 'load'; id: number; modelId: string; network: Network | OnnxFile }
  | { type: 'run'; id: number; modelId: string; pack: EncodedText[] }
  | { type: 'unload'; id: number; modelId: string }

/** What a worker answers. A message that fails is about the request, never about the worker. */
export type FromWorker =
  | { type: 'loaded'; id: number }
  | { type: 'unloaded'; id: number }
  | { type: 'answers'; id: number; answers: PackAnswer[] }
  | { type: 'failed'; id: number; message: string }
