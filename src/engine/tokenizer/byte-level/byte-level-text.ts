import type { AppendText, ByteLevelDefinition } from '../definition.ts'
import { rememberingWords } from '../word-cache.ts'
import { createMerger } from './merge.ts'
import { endOfWord } from './words.ts'

const UTF8 = new TextEncoder()

/**
 * Makes the function that reads any text as the Rust library does: cut it into words, and spell each word's UTF-8 with
 * merges. A lone surrogate, which Rust cannot be given, is read as U+FFFD.
 */
export function createByteLevelText({ addPrefixSpace, model }: ByteLevelDefinition): AppendText {
  const appendMerged = createMerger(model)
  const appendWord = rememberingWords((word, ids) => appendMerged(UTF8.encode(word), ids))

  return (text, ids, budget) => {
    const read = addPrefixSpace && text !== '' && !text.startsWith(' ') ? ` ${text}` : text
    let start = 0
    while (start < read.length && ids.length <= budget) {
      const end = endOfWord(read, start)
      appendWord(read.slice(start, end), ids, budget)
      start = end
    }
  }
}
