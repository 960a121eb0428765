import type { TokenizerDefinition } from './definition.ts'
import { asBoolean, asObject, asString, type JsonObject, mustBe } from './json.ts'
import type { SpecialToken } from './special-tokens.ts'

/** The tokenizer classes of `transformers` that read a vocab.txt as BERT does. */
const SUPPORTED_CLASSES = ['BertTokenizer', 'DistilBertTokenizer', 'ElectraTokenizer', 'MobileBertTokenizer']

/**
 * Reads a vocab.txt (a piece a line, its id the number of the line from 0) and the parsed tokenizer_config.json beside
 * it, with the defaults of `transformers`' BertTokenizer for whatever the latter leaves out.
 *
 * @throws Error where they are malformed or belong to another kind of tokenizer
 */
export function readVocabulary(vocabText: string, parsedConfig: unknown): TokenizerDefinition {
  const config = asObject(parsedConfig ?? {}, 'tokenizer_config.json')
  refuseOtherTokenizers(config)
  const vocabulary = readPieces(vocabText)
  const lowercase = asBoolean(config.do_lower_case ?? true, 'do_lower_case')

  function idOf(field: string, usual: string): number {
    const token = specialTokenName(config, field, usual)
    const id = vocabulary.get(token)
    if (id === undefined) throw new Error(`${field} is "${token}", which vocab.txt does not have`)
    return id
  }

  const start = { ids: [idOf('cls_token', '[CLS]')] }
  const end = { ids: [idOf('sep_token', '[SEP]')] }
  const single = [
    { ...start, typeId: 0 },
    { text: 'first' as const, typeId: 0 },
    { ...end, typeId: 0 },
  ]
  return {
    text: {
      kind: 'wordpiece',
      normalisation: {
        lowercase,
        stripAccents: asBoolean(config.strip_accents ?? lowercase, 'strip_accents'),
        spaceChineseCharacters: asBoolean(config.tokenize_chinese_chars ?? true, 'tokenize_chinese_chars'),
      },
      model: { vocabulary, continuationPrefix: '##', unknownId: idOf('unk_token', '[UNK]'), longestWord: 100 },
    },
    specialTokens: [readSpecialTokens(config, vocabulary)],
    single,
    pair: [...single, { text: 'second', typeId: 1 }, { ...end, typeId: 1 }],
  }
}

function refuseOtherTokenizers(config: JsonObject): void {
  mustBe(config.do_basic_tokenize ?? true, true, 'do_basic_tokenize')
  const name = asString(config.tokenizer_class ?? 'BertTokenizer', 'tokenizer_class')
  if (SUPPORTED_CLASSES.includes(name.replace(/Fast$/, ''))) return
  throw new Error(`tokenizer_class is "${name}"; with a vocab.txt only ${SUPPORTED_CLASSES.join(', ')} are supported`)
}

function readPieces(vocabText: string): Map<string, number> {
  const lines = vocabText.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return new Map(lines.map((piece, id) => [piece, id]))
}

function readSpecialTokens(config: JsonObject, vocabulary: ReadonlyMap<string, number>): Map<string, SpecialToken> {
  const tokens = new Map<string, SpecialToken>()
  for (const name of ['pad', 'unk', 'cls', 'sep', 'mask']) {
    const token = specialTokenName(config, `${name}_token`, `[${name.toUpperCase()}]`)
    const id = vocabulary.get(token)
    if (id !== undefined) tokens.set(token, { id, takesSpaceBefore: false })
  }
  return tokens
}

/** A special token is written as a string, or as an object whose `content` is the string. */
export function specialTokenName(config: JsonObject, field: string, usual: string): string {
  const value = config[field] ?? usual
  return typeof value === 'string' ? value : asString(asObject(value, field).content, `${field}.content`)
}
