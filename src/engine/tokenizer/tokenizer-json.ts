import type { TokenizerDefinition } from './definition.ts'
import { asArray, asBoolean, asCount, asObject, asString, type JsonObject, mustBe } from './json.ts'
import type { Normalisation } from './normalise.ts'
import type { Template, TemplatePiece } from './template.ts'
import type { WordPieceModel } from './wordpiece.ts'

/**
 * Reads a parsed tokenizer.json, the file format of Hugging Face's `tokenizers`, for BERT's WordPiece tokenizer.
 *
 * Its `truncation` and `padding` are how somebody once used the tokenizer and say nothing about the model: not read.
 *
 * @throws Error where it is malformed or describes another kind of tokenizer
 */
export function readTokenizerJson(json: unknown): TokenizerDefinition {
  const file = asObject(json, 'tokenizer.json')
  const model = readModel(asObject(file.model, 'model'))
  mustBe(asObject(file.pre_tokenizer, 'pre_tokenizer').type, 'BertPreTokenizer', 'pre_tokenizer.type')
  return {
    normalisation: readNormalizer(asObject(file.normalizer, 'normalizer')),
    model,
    specialTokens: readAddedTokens(asArray(file.added_tokens, 'added_tokens')),
    ...readPostProcessor(asObject(file.post_processor, 'post_processor')),
  }
}

function readModel(model: JsonObject): WordPieceModel {
  mustBe(model.type, 'WordPiece', 'model.type')
  const vocabulary = new Map<string, number>()
  for (const [piece, id] of Object.entries(asObject(model.vocab, 'model.vocab'))) {
    vocabulary.set(piece, asCount(id, `model.vocab[${JSON.stringify(piece)}]`))
  }
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

function readAddedTokens(addedTokens: readonly unknown[]): Map<string, number> {
  const ids = new Map<string, number>()
  for (const [index, value] of addedTokens.entries()) {
    const where = `added_tokens[${index}]`
    const token = asObject(value, where)
    for (const option of ['single_word', 'lstrip', 'rstrip', 'normalized']) {
      mustBe(token[option], false, `${where}.${option}`)
    }
    ids.set(asString(token.content, `${where}.content`), asCount(token.id, `${where}.id`))
  }
  return ids
}

function readPostProcessor(processor: JsonObject): { single: Template; pair: Template } {
  mustBe(processor.type, 'TemplateProcessing', 'post_processor.type')
  const specialTokens = asObject(processor.special_tokens, 'post_processor.special_tokens')
  const read = (name: 'single' | 'pair'): Template =>
    asArray(processor[name], `post_processor.${name}`).map((piece, index) =>
      readTemplatePiece(asObject(piece, `post_processor.${name}[${index}]`), specialTokens),
    )
  return { single: read('single'), pair: read('pair') }
}

function readTemplatePiece(piece: JsonObject, specialTokens: JsonObject): TemplatePiece {
  if (piece.Sequence !== undefined) {
    const sequence = asObject(piece.Sequence, 'post_processor: Sequence')
    const typeId = asCount(sequence.type_id, 'post_processor: Sequence.type_id')
    if (sequence.id === 'A') return { text: 'first', typeId }
    mustBe(sequence.id, 'B', 'post_processor: Sequence.id')
    return { text: 'second', typeId }
  }
  const special = asObject(piece.SpecialToken, 'post_processor: SpecialToken')
  const name = asString(special.id, 'post_processor: SpecialToken.id')
  const where = `post_processor.special_tokens[${JSON.stringify(name)}]`
  const ids = asArray(asObject(specialTokens[name], where).ids, `${where}.ids`)
  return {
    ids: ids.map((id) => asCount(id, `${where}.ids`)),
    typeId: asCount(special.type_id, 'post_processor: SpecialToken.type_id'),
  }
}
