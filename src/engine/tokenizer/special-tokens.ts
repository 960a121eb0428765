export type SpecialToken = {
  id: number
  /** whether white space before it belongs to it, as with RoBERTa's `<mask>` */
  takesSpaceBefore: boolean
}

/** The special tokens by how they are written in a text. */
export type SpecialTokens = ReadonlyMap<string, SpecialToken>

/** A text cut at its special tokens: these as their ids, and what is between them as text. */
type Parts = Iterable<string | number>

/** Unicode's White_Space. JavaScript's \s lacks U+0085 and has U+FEFF. */
const WHITE_SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/**
 * Makes the function that splits a text at the special tokens written in it (`[SEP]`), which the reference tokenizer
 * takes for the tokens themselves.
 *
 * They are found in the text as it came, before normalisation: `[sep]` is none. Of two that begin at the same place
 * the longer one counts.
 *
 * @param passes the tokens of each are searched for in what the passes before it leave as text
 */
export function createSpecialTokenSplitter(passes: readonly SpecialTokens[]): (text: string) => Parts {
  const [first, ...others] = passes.filter((tokens) => tokens.size > 0).map(createPass)
  if (first === undefined) return (text) => [text]
  return others.reduce((split, next) => (text) => splitEach(split(text), next), first)
}

function* splitEach(parts: Parts, split: (text: string) => Parts): Generator<string | number> {
  for (const part of parts) {
    if (typeof part === 'number') yield part
    else yield* split(part)
  }
}

function createPass(tokens: SpecialTokens): (text: string) => Parts {
  const longestFirst = [...tokens.keys()].toSorted((a, b) => b.length - a.length)
  const pattern = new RegExp(longestFirst.map(escapeForPattern).join('|'), 'g')

  function* splitAtMatches(text: string): Generator<string | number> {
    let end = 0
    for (const match of text.matchAll(pattern)) {
      const { id, takesSpaceBefore } = tokens.get(match[0])!
      const start = takesSpaceBefore ? startOfSpace(text, end, match.index) : match.index
      if (start > end) yield text.slice(end, start)
      yield id
      end = match.index + match[0].length
    }
    if (end < text.length) yield text.slice(end)
  }

  // Most texts have no special token; for these no generator is made.
  return (text) => (text.search(pattern) === -1 ? [text] : splitAtMatches(text))
}

/** Where the white space that ends before `end` begins, no further back than `from`. */
function startOfSpace(text: string, from: number, end: number): number {
  let start = end
  while (start > from && WHITE_SPACE.test(text.charAt(start - 1))) start--
  return start
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
