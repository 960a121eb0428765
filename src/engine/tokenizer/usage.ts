import { asArray, asCount, asObject, asString, type JsonObject, show } from './json.ts'
import type { Template } from './template.ts'

/** How a tokenizer is used where a request does not say. */
export type TokenizerUsage = {
  /** which end of a text that is too long is left out */
  truncationSide: 'left' | 'right'
  /** where texts are cut that a request wants cut, without a length; the network's own bound where it is undefined */
  usualMaxTokens: number | undefined
  /** whether the network is told which of two texts a token belongs to */
  tellsTexts: boolean
}

/** transformers' word for "no bound" is 1e30; no network reads nearly as much as this. */
const NO_BOUND = 1_000_000

/** Those of transformers' tokenizers whose networks have no types of tokens. */
const WITHOUT_TYPES = /^(DistilBert|Roberta)Tokenizer(Fast)?$/

/**
 * Reads from tokenizer_config.json, and where that is silent from tokenizer.json, what transformers' tokenizers take from
 * there for every text.
 *
 * @throws Error where a value is none that they take
 */
export function readUsage(parsedConfig: unknown, tokenizerJson: unknown): TokenizerUsage {
  const config = asObject(parsedConfig ?? {}, 'tokenizer_config.json')
  return {
    truncationSide: readSide(config, tokenizerJson),
    usualMaxTokens: readMaxLength(config.model_max_length),
    tellsTexts: readTellsTexts(config),
  }
}

function readSide(config: JsonObject, tokenizerJson: unknown): TokenizerUsage['truncationSide'] {
  const { truncation } = (tokenizerJson ?? {}) as { truncation?: unknown }
  const direction = (truncation as { direction?: unknown } | null | undefined)?.direction
  const said = config.truncation_side ?? direction ?? 'right'
  const side = typeof said === 'string' ? said.toLowerCase() : said
  if (side === 'left' || side === 'right') return side
  throw new Error(`truncation_side is ${show(said)}; left and right are supported`)
}

function readMaxLength(value: unknown): number | undefined {
  if (value === undefined || value === null || (typeof value === 'number' && value > NO_BOUND)) return undefined
  return asCount(value, 'model_max_length')
}

function readTellsTexts(config: JsonObject): boolean {
  const names = config.model_input_names
  if (names === undefined) return !WITHOUT_TYPES.test(asString(config.tokenizer_class ?? '', 'tokenizer_class'))
  return asArray(names, 'model_input_names').includes('token_type_ids')
}

/** The template with one type for all tokens. */
export function withoutTypes(template: Template): Template {
  return template.map((piece) => ({ ...piece, typeId: 0 }))
}
