import type { EncodedText, PackAnswer } from './backend.ts'
import { loadAddon } from './native/addon.ts'
import { createNativePool } from './native/pool.ts'
import type { Network, OnnxFile } from './network.ts'
import { createPool, type Pool } from './pool.ts'

/** What runs a model's packs: kernels of the addon by their name, or ONNX Runtime in worker threads. */
export type BackendName = 'amx' | 'avx512-vnni' | 'avx-vnni' | 'avx2' | 'onnxruntime'

/** `auto` takes the fastest that there is; `native` any of the addon's kernels. */
export type BackendChoice = 'auto' | 'native' | BackendName

/** All the engine's pools behind one face: every model goes to the one that runs it. */
export type Pools = {
  /**
   * @param whileServing whether packs of other models are to be run meanwhile
   * @returns what the model runs on
   */
  load(modelId: string, network: Network | OnnxFile, whileServing?: boolean): Promise<BackendName>
  /** whether something is there that can run a text */
  canRun(): boolean
  /** whether a pack of the model may be given now */
  canTake(modelId: string): boolean
  /** call it only while `canTake` */
  run(modelId: string, pack: EncodedText[]): Promise<PackAnswer[]>
  close(): Promise<void>
}

/**
 * @param onFailure told when a worker thread died
 * @param onIdle told when a pack may be given again
 * @throws Error where the choice is not to be had on this machine
 */
export function createPools(options: {
  backend: BackendChoice
  threads: number
  onFailure: (error: Error) => void
  onIdle: () => void
}): Pools {
  const { backend, threads, onIdle } = options
  const native = backend === 'onnxruntime' ? undefined : openNative(backend, threads, onIdle)
  const poolOf = new Map<string, Pick<Pool, 'idle' | 'run'>>()
  /** Only where a model needs it: each worker thread costs memory. */
  let workers: Pool | undefined

  return {
    async load(modelId, network, whileServing) {
      // A ready-made ONNX file is ONNX Runtime's, whatever else there is.
      if (native && !('onnxPath' in network)) {
        await native.pool.load(modelId, network)
        poolOf.set(modelId, native.pool)
        return native.kernels
      }
      workers ??= createPool(threads, options)
      await workers.load(modelId, network, whileServing)
      poolOf.set(modelId, workers)
      return 'onnxruntime'
    },
    canRun: () => native !== undefined || (workers?.canRun() ?? false),
    canTake: (modelId) => (poolOf.get(modelId)?.idle() ?? 0) > 0,
    run: (modelId, pack) => poolOf.get(modelId)!.run(modelId, pack),
    async close() {
      await Promise.all([native?.pool.close(), workers?.close()])
    },
  }
}

function openNative(
  backend: Exclude<BackendChoice, 'onnxruntime'>,
  threads: number,
  onIdle: () => void,
): { pool: Pool<Network>; kernels: BackendName } | undefined {
  const addon = loadAddon()
  const available = addon?.kernels() ?? []
  const wanted = backend === 'auto' || backend === 'native' ? available[0] : available.find((name) => name === backend)
  if (addon && wanted !== undefined) {
    return { pool: createNativePool(addon, { kernels: wanted, threads, onIdle }), kernels: wanted as BackendName }
  }
  if (backend === 'auto') return undefined
  const here = available.length > 0 ? `it has ${available.join(', ')}` : 'they are not built (node native/build.mjs)'
  throw new Error(`There are no ${backend} kernels on this machine: ${here}.`)
}
