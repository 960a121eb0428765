import {
  CHINESE,
  COMBINING,
  DECOMPOSES,
  DROPPED,
  keptMarkClass,
  keptMarkClasses,
  kinds,
  MARK,
  SPACE,
} from './unicode.ts'

/** The options of Hugging Face's BertNormalizer; its clean_text is always on. */
export type Normalisation = {
  lowercase: boolean
  stripAccents: boolean
  spaceChineseCharacters: boolean
}

/** Text on which cleaning, spacing and stripping change nothing. */
const PLAIN = /^[\t\n\r\x20-\x7e]*$/

/**
 * Normalises as BertNormalizer of the Rust library `tokenizers` 0.23 does: the same steps in the same order.
 *
 * A lone surrogate, which Rust cannot be given, is dropped like U+FFFD.
 */
export function normalise(text: string, { lowercase, stripAccents, spaceChineseCharacters }: Normalisation): string {
  if (PLAIN.test(text)) return lowercase ? text.toLowerCase() : text
  const cleaned = clean(text, spaceChineseCharacters)
  const bare = stripAccents ? withoutMarks(decompose(cleaned)) : cleaned
  return lowercase ? lowercaseEach(bare) : bare
}

function clean(text: string, spaceChineseCharacters: boolean): string {
  let cleaned = ''
  for (const character of text) {
    const kind = kindOf(character)
    if (kind & DROPPED) continue
    if (kind & SPACE) cleaned += ' '
    else if (kind & CHINESE && spaceChineseCharacters) cleaned += ` ${character} `
    else cleaned += character
  }
  return cleaned
}

/** Canonical decomposition (NFD) but for the order of marks. */
function decompose(text: string): string {
  let decomposed = ''
  for (const character of text) {
    decomposed += kindOf(character) & DECOMPOSES ? character.normalize('NFD') : character
  }
  return decomposed
}

/**
 * Removes the nonspacing marks of a decomposed text and puts the few combining marks that stay into canonical order:
 * ascending by class within a run, as written within a class. A mark of class zero ends a run even though it is removed.
 */
function withoutMarks(decomposed: string): string {
  let bare = ''
  let run: string[] = []
  for (const character of decomposed) {
    const kind = kindOf(character)
    if (kind & COMBINING) {
      if (!(kind & MARK)) run.push(character)
      continue
    }
    if (run.length > 0) {
      bare += inCanonicalOrder(run)
      run = []
    }
    if (!(kind & MARK)) bare += character
  }
  return bare + inCanonicalOrder(run)
}

// One pass for each class and no sort: the time stays linear for a run of any length.
function inCanonicalOrder(run: readonly string[]): string {
  if (run.length < 2) return run.join('')
  const classes = run.map((mark) => keptMarkClass.get(mark.codePointAt(0)!))
  return keptMarkClasses.map((wanted) => run.filter((_, index) => classes[index] === wanted).join('')).join('')
}

/** Lower case of each character by itself: a sigma at the end of a word is none to Rust, which sees one at a time. */
function lowercaseEach(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase()
}

function kindOf(character: string): number {
  return kinds[character.codePointAt(0)!]!
}
