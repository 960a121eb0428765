import { setImmediate, setTimeout } from 'node:timers/promises'
import type { EncodedText, PackAnswer } from './backend.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Addon } from './native/addon.ts'
import { createNativePool } from './native/pool.ts'
import type { Network, OnnxFile, Unread } from './network.ts'
import { createPool, type Pool } from './pool.ts'
import { type GoldenText, selfTest } from './self-test.ts'

/** A worker is busy for some milliseconds at a time. */
const RETRY_MS = 2

/** What runs a model's packs: kernels of the addon by their name, or ONNX Runtime in worker threads. */
export type BackendName = 'amx' | 'avx512-vnni' | 'avx-vnni' | 'avx2' | 'onnxruntime'

/** `auto` takes the fastest that there is; `native` any of the addon's kernels. */
export type BackendChoice = 'auto' | 'native' | BackendName

/** How large a model is, before it is loaded. */
export type ModelSize = {
  form: 'network' | 'onnx-file'
  /** of its weights */
  bytes: number
  /** what computing its longest text takes beside them */
  workingBytes: number
}

export type LoadOptions = {
  /** what of the network is not read yet */
  unread?: Unread | undefined
  /** texts to test the backend with before it may answer; none is no test */
  golden: readonly GoldenText[]
  /** whether packs of other models are to be run meanwhile */
  whileServing: boolean
}

/** All the engine's pools behind one face: every model goes to the one that runs it. */
export type Pools = {
  /**
   * @returns what the model runs on
   * @throws Error where every backend fails its test
   */
  load(modelId: string, network: Network | OnnxFile, options: LoadOptions): Promise<BackendName>
  /** Forgets a model; call it when no text of it waits. */
  unload(modelId: string): Promise<void>
  /** Gives back to the system what loading has left behind. */
  giveMemoryBack(): void
  /** what a model takes in memory while it is loaded */
  bytesHeld(size: ModelSize): number
  /** whether something is there that can run a text */
  canRun(): boolean
  /** whether a pack of the model may be given now */
  canTake(modelId: string): boolean
  /** call it only while `canTake` */
  run(modelId: string, pack: EncodedText[]): Promise<PackAnswer[]>
  close(): Promise<void>
}

/**
 * @param addon the native kernels, where they are built
 * @param onFailure told when a worker thread died, or a backend is not used because it failed its test
 * @param onIdle told when a pack may be given again
 * @throws Error where the choice is not to be had on this machine
 */
export function createPools(options: {
  backend: BackendChoice
  addon: Addon | undefined
  threads: number
  onFailure: (error: Error) => void
  onIdle: () => void
}): Pools {
  const { backend, addon, threads, onFailure, onIdle } = options
  const native = backend === 'onnxruntime' ? undefined : openNative(backend, addon, threads, onIdle)
  const poolOf = new Map<string, Pick<Pool, 'idle' | 'run' | 'unload'>>()
  /** Only where a model needs it: each worker thread costs memory. */
  let workers: Pool | undefined

  /** @returns why the pool is not to be used for the model, if it is not */
  async function loadInto<Model>(
    pool: Pool<Model>,
    modelId: string,
    network: Model,
    { unread, golden, whileServing }: LoadOptions,
  ): Promise<string | undefined> {
    try {
      await pool.load(modelId, network, { whileServing, unread })
      const wrong = golden.length > 0 ? await selfTest(golden, (pack) => runWhenFree(pool, modelId, pack)) : undefined
      if (wrong === undefined) poolOf.set(modelId, pool)
      else await pool.unload(modelId)
      return wrong
    } catch (error) {
      // Some of its threads may have it already.
      await pool.unload(modelId)
      throw error
    }
  }

  /** What is free after a collection, the C library would keep. */
  function giveMemoryBack(): void {
    collectGarbage()
    addon?.trimMemory()
  }

  return {
    async load(modelId, network, loadOptions) {
      // A ready-made ONNX file is ONNX Runtime's, whatever else there is.
      if (native && !('onnxPath' in network)) {
        const wrong = await loadInto(native.pool, modelId, network, loadOptions)
        if (wrong === undefined) return native.kernels
        const failed = `the ${native.kernels} kernels failed their test, so ONNX Runtime answers`
        onFailure(new Error(`${modelId}: ${failed}: ${wrong}`))
      }
      workers ??= createPool(threads, options)
      const wrong = await loadInto(workers, modelId, network, loadOptions)
      if (wrong !== undefined) throw new Error(`${modelId} cannot be trusted on this machine: ${wrong}`)
      return 'onnxruntime'
    },
    async unload(modelId) {
      const pool = poolOf.get(modelId)
      poolOf.delete(modelId)
      await pool?.unload(modelId)
      await forgetCollected()
      giveMemoryBack()
    },
    giveMemoryBack,
    bytesHeld({ form, bytes, workingBytes }) {
      // The kernels keep a network once, and the room that they compute in is every model's.
      if (form === 'network' && native) return bytes
      // Each worker thread has it in its session; a network is kept beside that, for threads that are started later.
      return (form === 'network' ? bytes : 0) + threads * (bytes + workingBytes)
    },
    canRun: () => native !== undefined || (workers?.canRun() ?? false),
    canTake: (modelId) => (poolOf.get(modelId)?.idle() ?? 0) > 0,
    run: (modelId, pack) => poolOf.get(modelId)!.run(modelId, pack),
    async close() {
      await Promise.all([native?.pool.close(), workers?.close()])
    },
  }
}

/** In the first turn after a collection the engine learns what was collected, in the next the addon does. */
const TURNS_TO_FREE = 2

/**
 * Lets go of what a model of the kernels referred to: it frees its own memory some turns of the event loop after it was
 * collected, and only then are its arrays nobody's.
 */
async function forgetCollected(): Promise<void> {
  collectGarbage()
  for (let turn = 0; turn < TURNS_TO_FREE; turn++) await setImmediate()
}

/** Runs a pack outside the queue, which may leave the pool no rest while others are served. */
async function runWhenFree(
  pool: Pick<Pool, 'idle' | 'run'>,
  modelId: string,
  pack: EncodedText[],
): Promise<PackAnswer[]> {
  while (pool.idle() === 0) await setTimeout(RETRY_MS)
  return pool.run(modelId, pack)
}

function openNative(
  backend: Exclude<BackendChoice, 'onnxruntime'>,
  addon: Addon | undefined,
  threads: number,
  onIdle: () => void,
): { pool: Pool<Network>; kernels: BackendName } | undefined {
  const available = addon?.kernels() ?? []
  const wanted = backend === 'auto' || backend === 'native' ? available[0] : available.find((name) => name === backend)
  if (addon && wanted !== undefined) {
    return { pool: createNativePool(addon, { kernels: wanted, threads, onIdle }), kernels: wanted as BackendName }
  }
  if (backend === 'auto') return undefined
  const here = available.length > 0 ? `it has ${available.join(', ')}` : 'they are not built (node native/build.mjs)'
  throw new Error(`There are no ${backend} kernels on this machine: ${here}.`)
}
