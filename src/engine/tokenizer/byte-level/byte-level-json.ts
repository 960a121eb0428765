import type { ByteLevelDefinition } from '../definition.ts'
import { asArray, asBoolean, asObject, asString, asVocabulary, type JsonObject, mustBe } from '../json.ts'
import { createBytePairModel } from './byte-pair-model.ts'

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
      asArray(model.merges, 'model.merges').map((merge, rank) => readMerge(merge, `model.merges[${rank}]`)),
    ),
  }
}

/** Newer files have an array of two pieces, older ones a string with a blank between them, as merges.txt has. */
export function readMerge(merge: unknown, where: string): [string, string] {
  const pieces = Array.isArray(merge) ? merge : asString(merge, where).split(' ')
  if (pieces.length !== 2) throw new Error(`${where} has ${pieces.length} pieces; two were expected`)
  return [asString(pieces[0], where), asString(pieces[1], where)]
}
