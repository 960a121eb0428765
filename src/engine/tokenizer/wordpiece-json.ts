import type { WordPieceDefinition } from './definition.ts'
import { asBoolean, asCount, asObject, asString, asVocabulary, type JsonObject, mustBe } from './json.ts'
import type { Normalisation } from './normalise.ts'
import type { WordPieceModel } from './wordpiece.ts'

/**
 * Reads the parts of a parsed tokenizer.json that say how BERT's WordPiece tokenizer reads a text.
 *
 * @throws Error where they are malformed or describe another kind of tokenizer
 */
export function readWordPiece(file: JsonObject): WordPieceDefinition {
  mustBe(asObject(file.pre_tokenizer, 'pre_tokenizer').type, 'BertPreTokenizer', 'pre_tokenizer.type')
  return {
    kind: 'wordpiece',
    normalisation: readNormalizer(asObject(file.normalizer, 'normalizer')),
    model: readModel(asObject(file.model, 'model')),
  }
}

function readModel(model: JsonObject): WordPieceModel {
  const vocabulary = asVocabulary(model.vocab, 'model.vocab')
  const unknownToken = asString(model.unk_token, 'model.unk_token')
  const unknownId = vocabulary.get(unknownToken)
  if (unknownId === undefined) throw new Error(`model.unk_token is "${unknownToken}", which model.vocab does not have`)
  return {
    vocabulary,
    continuationPrefix: asString(model.continuing_subword_prefix, 'model.continuing_subword_prefix'),
    unknownId,
    longestWord: asCount(model.max_input_chars_per_word, 'model.max_input_chars_per_word'),
  }
}

function readNormalizer(normalizer: JsonObject): Normalisation {
  mustBe(normalizer.type, 'BertNormalizer', 'normalizer.type')
  mustBe(normalizer.clean_text, true, 'normalizer.clean_text')
  const lowercase = asBoolean(normalizer.lowercase, 'normalizer.lowercase')
  return {
    lowercase,
    // null means: where the text is lowercased.
    stripAccents: asBoolean(normalizer.strip_accents ?? lowercase, 'normalizer.strip_accents'),
    spaceChineseCharacters: asBoolean(normalizer.handle_chinese_chars, 'normalizer.handle_chinese_chars'),
  }
}
