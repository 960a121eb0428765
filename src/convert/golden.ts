import type { GoldenText } from '../engine/self-test.ts'
import { readJsonFile } from './text-file.ts'

/** The file that has them, in a model's folder. */
export const GOLDEN_FILE = 'golden.json'

/** Sixteen texts of 512 tokens take 50 KB. */
const MAX_BYTES = 1024 * 1024
const MAX_TEXTS = 64

type StoredText = { ids: number[]; typeIds: number[]; logits: number[] }

/** By hand: a start waits for it, and a schema's check takes 10 ms for these two thousand numbers. */
function isGolden(json: unknown): json is { texts: StoredText[] } {
  const texts = (json as { texts?: unknown } | null)?.texts
  return Array.isArray(texts) && texts.length <= MAX_TEXTS && texts.every(isStoredText)
}

function isStoredText(text: Partial<Record<keyof StoredText, unknown>> | null): boolean {
  const { ids, typeIds, logits } = text ?? {}
  return (
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.every((id) => Number.isInteger(id) && id >= 0) &&
    Array.isArray(typeIds) &&
    typeIds.every((id) => id === 0 || id === 1) &&
    Array.isArray(logits) &&
    logits.every((logit) => typeof logit === 'number')
  )
}

/** What the network can take: the tokens of a text, the tokens that there are, the logits that come out. */
export type GoldenBounds = { maxTokens: number; vocabulary: number; labels: number }

/**
 * Reads `golden.json`.
 *
 * @returns undefined where the folder has none
 * @throws Error that names the file, where it does not fit the network
 */
export function readGolden(folder: string, bounds: GoldenBounds): GoldenText[] | undefined {
  const json = readJsonFile(folder, GOLDEN_FILE, MAX_BYTES)
  if (json === undefined) return undefined
  if (!isGolden(json)) {
    throw new Error(`${folder}/${GOLDEN_FILE}: must be {"texts": [{"ids", "typeIds", "logits"} …]}, of numbers`)
  }
  return json.texts.map((text, index) => {
    if (!fits(text, bounds)) throw new Error(`${folder}/${GOLDEN_FILE}: text ${index} does not fit the network`)
    return {
      ids: Int32Array.from(text.ids),
      typeIds: Int32Array.from(text.typeIds),
      logits: Float32Array.from(text.logits),
    }
  })
}

/** The file's content. Floats are written so that reading gives them back to the last bit. */
export function goldenJson(texts: readonly GoldenText[]): string {
  const stored = texts.map(
    ({ ids, typeIds, logits }): StoredText => ({ ids: [...ids], typeIds: [...typeIds], logits: [...logits] }),
  )
  return `{"texts": [\n${stored.map((text) => JSON.stringify(text)).join(',\n')}\n]}\n`
}

function fits({ ids, typeIds, logits }: StoredText, bounds: GoldenBounds): boolean {
  return (
    ids.length <= bounds.maxTokens &&
    ids.every((id) => id < bounds.vocabulary) &&
    typeIds.length === ids.length &&
    logits.length === bounds.labels &&
    logits.every((logit) => Number.isFinite(Math.fround(logit)))
  )
}
