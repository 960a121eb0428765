import type { CatalogModel } from '../catalog/catalog.ts'
import type { Engine } from '../engine/engine.ts'
import { engineModel } from './engine-model.ts'
import { readInThread } from './read-in-thread.ts'

/**
 * Brings a model's weights from its folder into the engine, while others are answered. What reading and packing left
 * behind, which is as large as the model, is given back before it resolves.
 *
 * @throws Error that names the file and what is wrong with it; the signal's reason where it is aborted
 */
export async function loadWhileServing(
  model: CatalogModel,
  folder: string,
  { engine, signal }: { engine: Engine; signal: AbortSignal },
): Promise<void> {
  await readAndLoad(model, folder, engine, signal)
  await engine.giveMemoryBack()
}

/** A function of its own: as long as it runs, what it read is referred to. */
async function readAndLoad(model: CatalogModel, folder: string, engine: Engine, signal: AbortSignal): Promise<void> {
  const files = await readInThread(folder, signal)
  signal.throwIfAborted()
  await engine.load(engineModel(model, folder, files), { whileServing: true })
}
