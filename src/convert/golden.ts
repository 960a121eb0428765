import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { GoldenText } from '../engine/self-test.ts'
import { readJsonFile } from './text-file.ts'

/** The file that has them, in a model's folder. */
export const GOLDEN_FILE = 'golden.json'

/** Sixteen texts of 512 tokens take 50 KB. */
const MAX_BYTES = 1024 * 1024
const MAX_TEXTS = 64

const Golden = Type.Object({
  texts: Type.Array(
    Type.Object({
      ids: Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 }),
      typeIds: Type.Array(Type.Integer({ minimum: 0, maximum: 1 })),
      logits: Type.Array(Type.Number()),
    }),
    { maxItems: MAX_TEXTS },
  ),
})

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
  if (!Value.Check(Golden, json)) {
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
  const golden: Static<typeof Golden> = {
    texts: texts.map(({ ids, typeIds, logits }) => ({ ids: [...ids], typeIds: [...typeIds], logits: [...logits] })),
  }
  return `{"texts": [\n${golden.texts.map((text) => JSON.stringify(text)).join(',\n')}\n]}\n`
}

function fits({ ids, typeIds, logits }: Static<typeof Golden>['texts'][number], bounds: GoldenBounds): boolean {
  return (
    ids.length <= bounds.maxTokens &&
    ids.every((id) => id < bounds.vocabulary) &&
    typeIds.length === ids.length &&
    logits.length === bounds.labels &&
    logits.every((logit) => Number.isFinite(Math.fround(logit)))
  )
}
