import { readAddedTokens } from './added-tokens.ts'
import { readByteLevel } from './byte-level/byte-level-json.ts'
import type { TokenizerDefinition } from './definition.ts'
import { asArray, asCount, asObject, asString, type JsonObject, mustBe, show } from './json.ts'
import { robertaTemplates, type Template, type TemplatePiece } from './template.ts'
import { readWordPiece } from './wordpiece-json.ts'

/**
 * Reads a parsed tokenizer.json, the file format of Hugging Face's `tokenizers`, for BERT's WordPiece tokenizer or
 * RoBERTa's byte-level BPE.
 *
 * Its `truncation` and `padding` are how somebody once used the tokenizer and say nothing about the model: not read.
 *
 * @throws Error where it is malformed or describes another kind of tokenizer
 */
export function readTokenizerJson(json: unknown): TokenizerDefinition {
  const file = asObject(json, 'tokenizer.json')
  const text = readText(file)
  const specialTokens = readAddedTokens(file.added_tokens)
  const [normalised] = specialTokens[1].keys()
  if (text.kind === 'wordpiece' && normalised !== undefined) {
    throw new Error(`added_tokens: ${show(normalised)} is normalized; with a WordPiece model that is not supported`)
  }
  return { text, specialTokens, ...readPostProcessor(asObject(file.post_processor, 'post_processor')) }
}

function readText(file: JsonObject): TokenizerDefinition['text'] {
  const { type } = asObject(file.model, 'model')
  if (type === 'WordPiece') return readWordPiece(file)
  if (type === 'BPE') return readByteLevel(file)
  throw new Error(`model.type is ${show(type)}; only "WordPiece" and byte-level "BPE" are supported`)
}

function readPostProcessor(processor: JsonObject): { single: Template; pair: Template } {
  if (processor.type === 'RobertaProcessing') {
    const idOf = (name: 'cls' | 'sep') =>
      asCount(asArray(processor[name], `post_processor.${name}`)[1], `post_processor.${name}[1]`)
    return robertaTemplates({ cls: idOf('cls'), sep: idOf('sep') })
  }
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
