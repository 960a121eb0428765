/**
 * Makes the function that splits a text at the special tokens written in it (`[SEP]`), which the reference tokenizer
 * takes for the tokens themselves. It yields what is between them as text, and the tokens as their ids.
 *
 * They are found in the text as it came, before normalisation: `[sep]` is none. Of two that begin at the same place
 * the longer one counts.
 */
export function createSpecialTokenSplitter(
  specialTokens: ReadonlyMap<string, number>,
): (text: string) => Generator<string | number> {
  const longestFirst = [...specialTokens.keys()].toSorted((a, b) => b.length - a.length)
  // Matches nothing where there are no special tokens.
  const pattern = new RegExp(longestFirst.map(escapeForPattern).join('|') || '(?!)', 'g')

  return function* split(text) {
    let end = 0
    for (const match of text.matchAll(pattern)) {
      if (match.index > end) yield text.slice(end, match.index)
      yield specialTokens.get(match[0])!
      end = match.index + match[0].length
    }
    if (end < text.length) yield text.slice(end)
  }
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
