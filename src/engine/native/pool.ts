import type { EncodedText, PackAnswer } from '../backend.ts'
import type { EncoderLayer, Network, Unread } from '../network.ts'
import type { Pool } from '../pool.ts'
import { BACKGROUND_NICENESS } from '../priority.ts'
import type { Addon, NativeModel } from './addon.ts'

/**
 * The addon's threads as a pool. They cannot die alone: what would kill one kills the process.
 *
 * There are never more packs under way than threads: a thread that is done helps another until it gets a pack of its own, and its core
 * is there for the event loop, which answers a whole pack at once then. A pack that waited in the pool would be a smaller one.
 */
export function createNativePool(
  addon: Addon,
  { kernels, threads, onIdle }: { kernels: string; threads: number; onIdle: () => void },
): Pool<Network> {
  const pool = addon.createPool({ kernels, threads, helping: true })
  const models = new Map<string, { model: NativeModel; labels: number }>()
  const underWay = new Set<Promise<unknown>>()

  return {
    async load(modelId, network, { whileServing = false, unread } = {}) {
      const handed = { ...network, layers: network.layers.map((layer) => ({ ...layer })) }
      const pack = (pieces: Unread['pieces']) => addon.loadModel(handed, pieces, whileServing ? BACKGROUND_NICENESS : 0)
      const model = await (unread ? readAndPack(unread, pack) : pack([]))
      handed.layers.forEach(forgetMatrices)
      models.set(modelId, { model, labels: network.labels })
    },
    async unload(modelId) {
      // The addon's copy goes when the handle is collected; a pack that runs keeps it until then.
      models.delete(modelId)
    },
    canRun: () => true,
    idle: () => threads - underWay.size,
    async run(modelId, pack) {
      const { model, labels } = models.get(modelId)!
      const { lengths, ids, typeIds } = endToEnd(pack)
      const result = addon.run(pool, model, lengths, ids, typeIds)
      underWay.add(result)
      try {
        const { logits, inferenceMs } = await result
        return pack.map((_, text): PackAnswer => {
          return { logits: logits.subarray(text * labels, (text + 1) * labels), inferenceMs }
        })
      } finally {
        underWay.delete(result)
        onIdle()
      }
    },
    async close() {
      // Their answers come through the event loop, so it must turn before the threads are joined.
      await Promise.allSettled(underWay)
      addon.closePool(pool)
    },
  }
}

/** What is wrong with a file is said by who knows it; what was wrong for a moment is read here. */
async function readAndPack(
  unread: Unread,
  pack: (pieces: Unread['pieces']) => Promise<NativeModel>,
): Promise<NativeModel> {
  try {
    return await pack(unread.pieces)
  } catch {
    unread.read()
    return pack([])
  }
}

/** The model has the matrices in an order of its own by now; kept beside it they would take as much memory again. */
function forgetMatrices(layer: Partial<EncoderLayer>): void {
  for (const name of ['queryKeyValue', 'attentionOutput', 'expand', 'contract'] as const) delete layer[name]
}

/** @returns the tokens of all texts one behind the other, and how many each has */
function endToEnd(pack: readonly EncodedText[]): { lengths: Int32Array; ids: Int32Array; typeIds: Int32Array } {
  const [first, second] = pack
  // The addon copies what it is given.
  if (first && !second) return { ...first, lengths: Int32Array.of(first.ids.length) }
  const lengths = new Int32Array(pack.length)
  let tokens = 0
  for (const [index, text] of pack.entries()) {
    lengths[index] = text.ids.length
    tokens += text.ids.length
  }
  const ids = new Int32Array(tokens)
  const typeIds = new Int32Array(tokens)
  let at = 0
  for (const text of pack) {
    ids.set(text.ids, at)
    typeIds.set(text.typeIds, at)
    at += text.ids.length
  }
  return { lengths, ids, typeIds }
}
