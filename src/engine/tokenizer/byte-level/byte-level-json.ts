import type { ByteLevelDefinition } from '../definition.ts'
import { asArray, asBoolean, asObject, asVocabulary, type JsonObject, mustBe, show } from '../json.ts'
import { createBytePairModel, type Merge } from './byte-pair-model.ts'

/**
 * Reads the parts of a parsed tokenizer.json that say how RoBERTa's byte-level BPE reads a text.
 *
 * Not read are `unk_token`, `fuse_unk` and `byte_fallback`: a vocabulary with all 256 bytes leaves nothing unknown.
 *
 * @throws Error where they are malformed or describe another kind of tokenizer
 */
export function readByteLevel(file: JsonObject): ByteLevelDefinition {
  mustBe(file.normalizer ?? null, null, 'normalizer')
  const preTokenizer = asObject(file.pre_tokenizer, 'pre_tokenizer')
  mustBe(preTokenizer.type, 'ByteLevel', 'pre_tokenizer.type')
  mustBe(preTokenizer.use_regex ?? true, true, 'pre_tokenizer.use_regex')
  const model = asObject(file.model, 'model')
  mustBe(model.dropout ?? null, null, 'model.dropout')
  mustBe(model.continuing_subword_prefix ?? '', '', 'model.continuing_subword_prefix')
  mustBe(model.end_of_word_suffix ?? '', '', 'model.end_of_word_suffix')
  mustBe(model.ignore_merges ?? false, false, 'model.ignore_merges')
  return {
    kind: 'byte-level',
    addPrefixSpace: asBoolean(preTokenizer.add_prefix_space, 'pre_tokenizer.add_prefix_space'),
    model: createBytePairModel(
      asVocabulary(model.vocab, 'model.vocab'),
      readMerges(asArray(model.merges, 'model.merges'), 'model.merges'),
    ),
  }
}

/**
 * Newer files have an array of two pieces for each merge, older ones (and merges.txt) a string with a blank between them.
 *
 * @param where what errors call the list
 */
export function readMerges(merges: readonly unknown[], where: string): Merge[] {
  return merges.map((merge, rank) => {
    const pieces: unknown = typeof merge === 'string' ? merge.split(' ') : merge
    if (isMerge(pieces)) return pieces
    throw new Error(`${where}[${rank}] is ${show(merge)}; two pieces were expected`)
  })
}

function isMerge(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((piece) => typeof piece === 'string')
}
