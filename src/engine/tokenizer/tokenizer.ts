import { createByteLevelText } from './byte-level/byte-level-text.ts'
import type { AppendText, TokenizerDefinition } from './definition.ts'
import { readDefinition, type TokenizerFiles } from './files.ts'
import { createSpecialTokenSplitter } from './special-tokens.ts'
import { fillTemplate, overheadOf } from './template.ts'
import { type TokenLimit, tokensKept } from './truncate.ts'
import { readUsage, type TokenizerUsage, withoutTypes } from './usage.ts'
import { WORD_CACHE_BYTES } from './word-cache.ts'
import { WORD_TABLE_BYTES } from './word-table.ts'
import { createWordPieceShortcut } from './wordpiece-shortcut.ts'

export type TokenSequence = {
  ids: Int32Array
  /** which of the two texts each id belongs to, in the model's numbering: 0 or 1; to be read only, since others may have the same */
  typeIds: Int32Array
  /** whether something was cut off: the whole encoding would have had more than maxTokens ids */
  truncated: boolean
}

export type Tokenizer = {
  /**
   * Encodes a text, or a pair of texts, with the special tokens of the model, which stay when the text is truncated.
   * Takes any string. The time is bounded by maxTokens for ordinary text, and linear in the length for any.
   *
   * @throws RangeError where the limit leaves no room for the special tokens, or for the text that must not give way
   */
  encode(text: string, pair?: string, limit?: TokenLimit): TokenSequence
  /** no sequence has more ids than this, special tokens included */
  readonly maxTokens: number
  /** which end of a text is left out where the limit does not say */
  readonly truncationSide: 'left' | 'right'
}

/** What a piece of a vocabulary takes: its string, and its entry in a map. */
const PIECE_BYTES = 100

/**
 * How much memory a tokenizer takes, once it has met as many words as it remembers.
 *
 * @param pieces how many its vocabulary has
 */
export function tokenizerBytes(pieces: number): number {
  return pieces * PIECE_BYTES + WORD_CACHE_BYTES + WORD_TABLE_BYTES
}

/**
 * Makes the tokenizer of a BERT or RoBERTa model, which gives the ids that the Rust library `tokenizers` gives.
 *
 * One deviation: where each text of a pair alone exceeds an odd budget, the token left over goes to the second text;
 * the library gives it to the longer text, for which it has to read both to their ends.
 *
 * @param files what is there of a model's tokenizer files; tokenizer.json goes before the others
 * @throws Error where the files are malformed or describe another kind of tokenizer, or where maxTokens leaves no room
 * for the special tokens
 */
export function createTokenizer(files: TokenizerFiles, { maxTokens }: { maxTokens: number }): Tokenizer {
  const definition = readDefinition(files)
  const usage = readUsage(files.config, files.tokenizerJson)
  const { text } = definition
  const appendText = text.kind === 'wordpiece' ? createWordPieceShortcut(text) : createByteLevelText(text)
  return tokenizerWith(appendText, definition, maxTokens, usage)
}

/** What `createTokenizer` makes, with another way to read text between special tokens. */
export function tokenizerWith(
  appendText: AppendText,
  definition: TokenizerDefinition,
  maxTokens: number,
  { truncationSide, usualMaxTokens = maxTokens, tellsTexts }: TokenizerUsage,
): Tokenizer {
  const single = tellsTexts ? definition.single : withoutTypes(definition.single)
  const pair = tellsTexts ? definition.pair : withoutTypes(definition.pair)
  const singleBudget = maxTokens - overheadOf(single)
  const pairBudget = maxTokens - overheadOf(pair)
  if (!Number.isSafeInteger(maxTokens) || singleBudget < 0 || pairBudget < 0) {
    throw new Error(`maxTokens is ${maxTokens}; it has to be an integer with room for the special tokens of a pair`)
  }
  const splitAtSpecialTokens = createSpecialTokenSplitter(definition.specialTokens)

  /** The ids of a text, read only until there are more than `budget`. */
  function contentIds(text: string, budget: number): number[] {
    const ids: number[] = []
    for (const part of splitAtSpecialTokens(text)) {
      if (typeof part === 'number') ids.push(part)
      else appendText(part, ids, budget)
      if (ids.length > budget) break
    }
    return ids
  }

  /** The ids of a text as far as they may be needed; what is cut on the left has to be read to its end. */
  function readIds(text: string, budget: number, { side }: TokenLimit): number[] {
    return contentIds(text, side === 'left' ? Number.POSITIVE_INFINITY : budget)
  }

  function encodeSingle(text: string, budget: number, limit: TokenLimit): TokenSequence {
    const ids = readIds(text, budget, limit)
    const truncated = ids.length > budget
    if (truncated && limit.strategy === 'only_second') throw new RangeError('there is no second text to be cut')
    const texts = { first: keep(ids, Math.min(ids.length, budget), limit), second: [] }
    return { ...fillTemplate(single, texts), truncated }
  }

  function encodePair(text: string, other: string, budget: number, limit: TokenLimit): TokenSequence {
    const first = readIds(text, budget, limit)
    const second = readIds(other, budget, limit)
    // Beyond the budget the number of ids is how far the reading happened to go.
    const countable = budget + 1
    const [firstKept, secondKept] = tokensKept(
      limit.strategy,
      Math.min(first.length, countable),
      Math.min(second.length, countable),
      budget,
    )
    const texts = { first: keep(first, firstKept, limit), second: keep(second, secondKept, limit) }
    return { ...fillTemplate(pair, texts), truncated: first.length + second.length > budget }
  }

  return {
    maxTokens,
    truncationSide,
    encode(text, other, asked = {}) {
      const limit = { ...asked, side: asked.side ?? truncationSide }
      const most = limit.maxTokens ?? (limit.strategy === undefined ? maxTokens : usualMaxTokens)
      const budget = (other === undefined ? singleBudget : pairBudget) - Math.max(0, maxTokens - most)
      if (budget < 0) throw new RangeError(`${most} tokens leave no room for the special ones`)
      return other === undefined ? encodeSingle(text, budget, limit) : encodePair(text, other, budget, limit)
    },
  }
}

function keep(ids: readonly number[], count: number, { side }: TokenLimit): readonly number[] {
  if (count === ids.length) return ids
  return side === 'left' ? ids.slice(ids.length - count) : ids.slice(0, count)
}
