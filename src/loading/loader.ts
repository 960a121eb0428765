import { setImmediate } from 'node:timers/promises'
import type { CatalogModel } from '../catalog/catalog.ts'
import type { Engine } from '../engine/engine.ts'
import { engineModel } from './engine-model.ts'
import type { ModelFilesHere } from './on-demand-files.ts'
import { readInThread } from './read-in-thread.ts'

/** Brings models into the engine while others answer: one after another, whoever asks for it. */
export type Loader = {
  /**
   * Brings a model's weights from its folder into the engine. What reading and packing left behind, which is as large as the
   * model, is given back before it resolves.
   *
   * @returns what the weights are known by: the commit that they come from, or else their hash
   * @throws Error that names the file and what is wrong with it; the signal's reason where it is aborted
   */
  load(model: CatalogModel, from: ModelFilesHere, signal: AbortSignal): Promise<string | undefined>
}

export function createLoader(engine: Engine): Loader {
  /** Reading and quantising take one thread, so that what answers loses no more than that thread's share. */
  let last: Promise<unknown> = Promise.resolve()

  /** A function of its own: as long as it runs, what it read is referred to. */
  async function readAndLoad(model: CatalogModel, { folder, commit }: ModelFilesHere, signal: AbortSignal) {
    const { files, hash } = await readInThread({ folder, hashed: commit === undefined }, signal)
    // What came from the thread has held the event loop for some ten milliseconds; making the tokenizer will.
    await setImmediate()
    signal.throwIfAborted()
    await engine.load(engineModel(model, folder, files), { whileServing: true })
    return commit ?? hash
  }

  return {
    load(model, from, signal) {
      const done = last.then(async () => {
        const revision = await readAndLoad(model, from, signal)
        engine.giveMemoryBack()
        return revision
      })
      last = done.catch(() => {})
      return done
    },
  }
}
