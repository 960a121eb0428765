import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Network, UnreadPiece } from '../network.ts'

declare const poolBrand: unique symbol
declare const modelBrand: unique symbol
export type NativePool = { [poolBrand]: true }
export type NativeModel = { [modelBrand]: true }

/** The C++ addon (native/addon.cpp). Its threads compute; no call but `closePool` and `trimMemory` takes time. */
export type Addon = {
  /** what this processor can run, best first: amx, avx512-vnni, avx-vnni, avx2 */
  kernels(): string[]
  /** @param helping whether threads without a pack share those of others */
  createPool(options: { kernels: string; threads: number; helping: boolean }): NativePool
  /**
   * Reads what is unread, then copies and packs the layers' matrices, on a thread. The model keeps the object, and reads the rest
   * of its arrays, for as long as it lives. It rejects where a file ends early, cannot be read, or has a weight of −128.
   *
   * @param unread of files that stay open until it is done, into arrays of the network
   * @param niceness of the thread, on Linux; 0 leaves it as the process's
   */
  loadModel(network: Network, unread: readonly UnreadPiece[], niceness: number): Promise<NativeModel>
  /**
   * @param lengths tokens of each text
   * @param ids all texts' tokens, end to end
   * @returns logits [texts, labels]
   */
  run(
    pool: NativePool,
    model: NativeModel,
    lengths: Int32Array,
    ids: Int32Array,
    typeIds: Int32Array,
  ): Promise<{ logits: Float32Array; inferenceMs: number }>
  /** Waits for the packs under way. */
  closePool(pool: NativePool): void
  /** Gives what was freed back to the system, where the C library would keep it; some milliseconds. */
  trimMemory(): void
}

const BUILD_FOLDER = fileURLToPath(new URL('../../../native/build/', import.meta.url))

/** @returns undefined where the addon was not built, or this system cannot load it */
export function loadAddon(): Addon | undefined {
  try {
    const file = readdirSync(BUILD_FOLDER).find((name) => name.endsWith('.node'))
    return file === undefined ? undefined : (createRequire(import.meta.url)(BUILD_FOLDER + file) as Addon)
  } catch {
    return undefined
  }
}
