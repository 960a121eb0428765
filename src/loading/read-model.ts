import { beginModelFolder, type ModelFolder, openModelFolder } from '../convert/model-folder.ts'
import type { EngineModel } from '../engine/engine.ts'

/** A model's files in memory, as they cross from one thread to another. */
export type ModelFiles = ModelFolder<EngineModel['network']>

/**
 * Reads a model's folder into memory.
 *
 * @param beforeRead called before each piece of the weights, some milliseconds' work
 * @throws Error that names the file and what is wrong with it
 */
export function readModel(folder: string, beforeRead?: () => void): ModelFiles {
  return openModelFolder(folder, beforeRead)
}

/**
 * As `readModel`, but leaves what can be taken as it lies in the file to whoever loads the model. Call `close` when that is done.
 *
 * @throws Error that names the file and what is wrong with it
 */
export function beginModel(folder: string): ModelFiles & Pick<EngineModel, 'unread'> & { close(): void } {
  return beginModelFolder(folder)
}
