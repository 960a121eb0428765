import fc from 'fast-check'

const specialTokens = ['[CLS]', '[SEP]', '[MASK]', '[UNK]', '[PAD]']

/** Any string that JavaScript has, lone surrogates included, rich in what a tokenizer treats specially. */
export const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.string({ maxLength: 8 }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom(...specialTokens, '\ud800', '\udc00', '\u0301', '\u302e\u1b44', '\u200b', ' ', 'movies', '##s'),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))

function charactersBetween(first: number, last: number) {
  return fc.integer({ min: first, max: last }).map((codePoint) => String.fromCodePoint(codePoint))
}

/**
 * Text on which the npm package @huggingface/tokenizers 0.2 agrees with the Rust library. Left out is where it does not:
 * a capital sigma at the end of a word, Chinese characters beyond U+FFFF, and whatever changed its category since the
 * old Unicode tables of the Rust library.
 */
export const commonText = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: charactersBetween(0x61, 0x7a) },
      { weight: 2, arbitrary: fc.constantFrom(' ', '\t', '\n', '\u00a0', '\u3000', '\u200b', '\0') },
      { weight: 1, arbitrary: charactersBetween(0x20, 0x7e) },
      { weight: 1, arbitrary: charactersBetween(0xa1, 0x17f) },
      { weight: 1, arbitrary: charactersBetween(0x300, 0x34e) },
      { weight: 1, arbitrary: charactersBetween(0x400, 0x45f) },
      { weight: 1, arbitrary: charactersBetween(0x4e00, 0x9fa5) },
      { weight: 1, arbitrary: charactersBetween(0xac00, 0xd7a3) },
      { weight: 1, arbitrary: charactersBetween(0x1f600, 0x1f64f) },
      { weight: 1, arbitrary: fc.constantFrom(...specialTokens, 'unaffable', 'running', "don't") },
    ),
    { maxLength: 80 },
  )
  .map((parts) => parts.join(''))
