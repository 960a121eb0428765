import type { CatalogModel } from '../catalog/catalog.ts'
import type { Engine } from '../engine/engine.ts'
import { engineModel } from './engine-model.ts'
import { readInThread } from './read-in-thread.ts'

/** Brings models into the engine while others answer: one after another, whoever asks for it. */
export type Loader = {
  /**
   * Brings a model's weights from its folder into the engine. What reading and packing left behind, which is as large as the
   * model, is given back before it resolves.
   *
   * @throws Error that names the file and what is wrong with it; the signal's reason where it is aborted
   */
  load(model: CatalogModel, folder: string, signal: AbortSignal): Promise<void>
}

export function createLoader(engine: Engine): Loader {
  /** Reading and quantising take one thread, so that what answers loses no more than that thread's share. */
  let last: Promise<unknown> = Promise.resolve()

  /** A function of its own: as long as it runs, what it read is referred to. */
  async function readAndLoad(model: CatalogModel, folder: string, signal: AbortSignal): Promise<void> {
    const files = await readInThread(folder, signal)
    signal.throwIfAborted()
    await engine.load(engineModel(model, folder, files), { whileServing: true })
  }

  return {
    load(model, folder, signal) {
      const done = last.then(async () => {
        await readAndLoad(model, folder, signal)
        engine.giveMemoryBack()
      })
      last = done.catch(() => {})
      return done
    },
  }
}
