import { createByteLevelText } from './byte-level/byte-level-text.ts'
import type { AppendText, TokenizerDefinition } from './definition.ts'
import { readDefinition, type TokenizerFiles } from './files.ts'
import { createSpecialTokenSplitter } from './special-tokens.ts'
import { fillTemplate, overheadOf } from './template.ts'
import { longestFirst } from './truncate.ts'
import { createWordPieceShortcut } from './wordpiece-shortcut.ts'

export type TokenSequence = {
  ids: Int32Array
  /** which of the two texts each id belongs to, in the model's numbering: 0 or 1 */
  typeIds: Int32Array
  /** whether something was cut off: the whole encoding would have had more than maxTokens ids */
  truncated: boolean
}

export type Tokenizer = {
  /**
   * Encodes a text, or a pair of texts, with the special tokens of the model, which stay when the text is truncated.
   * Takes any string. The time is bounded by maxTokens for ordinary text, and linear in the length for any.
   */
  encode(text: string, pair?: string): TokenSequence
  /** no sequence has more ids than this, special tokens included */
  readonly maxTokens: number
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
  const { text } = definition
  const appendText = text.kind === 'wordpiece' ? createWordPieceShortcut(text) : createByteLevelText(text)
  return tokenizerWith(appendText, definition, maxTokens)
}

/** What `createTokenizer` makes, with another way to read text between special tokens. */
export function tokenizerWith(appendText: AppendText, definition: TokenizerDefinition, maxTokens: number): Tokenizer {
  const singleBudget = maxTokens - overheadOf(definition.single)
  const pairBudget = maxTokens - overheadOf(definition.pair)
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

  function encodeSingle(text: string): TokenSequence {
    const ids = contentIds(text, singleBudget)
    const texts = { first: ids.slice(0, singleBudget), second: [] }
    return { ...fillTemplate(definition.single, texts), truncated: ids.length > singleBudget }
  }

  function encodePair(text: string, pair: string): TokenSequence {
    const first = contentIds(text, pairBudget)
    const second = contentIds(pair, pairBudget)
    // Beyond the budget the number of ids is how far the reading happened to go.
    const countable = pairBudget + 1
    const [firstKept, secondKept] = longestFirst(
      Math.min(first.length, countable),
      Math.min(second.length, countable),
      pairBudget,
    )
    const texts = { first: first.slice(0, firstKept), second: second.slice(0, secondKept) }
    return { ...fillTemplate(definition.pair, texts), truncated: first.length + second.length > pairBudget }
  }

  return {
    maxTokens,
    encode: (text, pair) => (pair === undefined ? encodeSingle(text) : encodePair(text, pair)),
  }
}
