import { readAddedToken } from '../added-tokens.ts'
import type { TokenizerDefinition } from '../definition.ts'
import { asBoolean, asCount, asObject, asString, asVocabulary, type JsonObject } from '../json.ts'
import type { SpecialToken } from '../special-tokens.ts'
import { robertaTemplates } from '../template.ts'
import { specialTokenName } from '../vocabulary-file.ts'
import { readMerges } from './byte-level-json.ts'
import { createBytePairModel, type Merge } from './byte-pair-model.ts'

/** The special tokens of `transformers`' RobertaTokenizer where tokenizer_config.json does not name them. */
const USUAL_TOKENS = {
  bos_token: '<s>',
  eos_token: '</s>',
  cls_token: '<s>',
  sep_token: '</s>',
  unk_token: '<unk>',
  pad_token: '<pad>',
  mask_token: '<mask>',
} as const

/**
 * Reads a parsed vocab.json (the id of each piece), merges.txt (a merge a line, the first to be merged first) and the
 * parsed tokenizer_config.json beside them, with the defaults of `transformers`' RobertaTokenizer.
 *
 * @throws Error where they are malformed or belong to another kind of tokenizer
 */
export function readByteLevelFiles(vocabJson: unknown, mergesText: string, parsedConfig: unknown): TokenizerDefinition {
  const config = asObject(parsedConfig ?? {}, 'tokenizer_config.json')
  refuseOtherTokenizers(config)
  const vocabulary = asVocabulary(vocabJson, 'vocab.json')

  function idOf(field: 'cls_token' | 'sep_token'): number {
    const token = specialTokenName(config, field, USUAL_TOKENS[field])
    const id = vocabulary.get(token)
    if (id === undefined) throw new Error(`${field} is "${token}", which vocab.json does not have`)
    return id
  }

  return {
    text: {
      kind: 'byte-level',
      addPrefixSpace: asBoolean(config.add_prefix_space ?? false, 'add_prefix_space'),
      model: createBytePairModel(vocabulary, mergesOf(mergesText)),
    },
    specialTokens: [readSpecialTokens(config, vocabulary)],
    ...robertaTemplates({ cls: idOf('cls_token'), sep: idOf('sep_token') }),
  }
}

function refuseOtherTokenizers(config: JsonObject): void {
  const name = asString(config.tokenizer_class ?? 'RobertaTokenizer', 'tokenizer_class')
  if (name.replace(/Fast$/, '') === 'RobertaTokenizer') return
  throw new Error(`tokenizer_class is "${name}"; with a vocab.json only RobertaTokenizer is supported`)
}

function mergesOf(mergesText: string): Merge[] {
  const lines = mergesText.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return readMerges(
    lines.filter((line) => !line.startsWith('#version')),
    'merges.txt',
  )
}

/** Files of recent years list all added tokens; of older ones only the names of the usual ones are known. */
function readSpecialTokens(config: JsonObject, vocabulary: ReadonlyMap<string, number>): Map<string, SpecialToken> {
  const tokens = new Map<string, SpecialToken>()
  for (const [field, usual] of Object.entries(USUAL_TOKENS)) {
    const name = specialTokenName(config, field, usual)
    const id = vocabulary.get(name)
    if (id !== undefined) tokens.set(name, { id, takesSpaceBefore: field === 'mask_token' })
  }
  const listed = asObject(config.added_tokens_decoder ?? {}, 'added_tokens_decoder')
  for (const [id, value] of Object.entries(listed)) {
    const where = `added_tokens_decoder[${JSON.stringify(id)}]`
    const { content, takesSpaceBefore } = readAddedToken(asObject(value, where), where)
    tokens.set(content, { id: asCount(Number(id), where), takesSpaceBefore })
  }
  return tokens
}
