import { hashOfWeights } from './weights-hash.ts'

/** Which revision of its weights a loaded model has. */
export type Revisions = {
  /** Notes where a model's weights came from, and what they are known by: the Hub's commit, or their hash. */
  note(modelId: string, source: { folder: string; commit: string | undefined }): void
  forget(modelId: string): void
  /** What tells its results from those of other weights of the same name, at once: the commit, or which time it was loaded. */
  markOf(modelId: string): string
  /** @returns the Hub's commit, or a hash of the weights, both 40 hexadecimal digits; undefined for models elsewhere */
  of(modelId: string): Promise<string | undefined>
}

export function createRevisions(): Revisions {
  const known = new Map<string, () => Promise<string | undefined>>()
  const marks = new Map<string, string>()
  let loads = 0
  return {
    note(modelId, { folder, commit }) {
      marks.set(modelId, commit ?? `load ${++loads}`)
      let revision: Promise<string | undefined> | undefined
      known.set(modelId, () => (revision ??= commit === undefined ? hashOfWeights(folder) : Promise.resolve(commit)))
    },
    forget(modelId) {
      known.delete(modelId)
      marks.delete(modelId)
    },
    markOf: (modelId) => marks.get(modelId) ?? '',
    of: (modelId) => known.get(modelId)?.() ?? Promise.resolve(undefined),
  }
}
