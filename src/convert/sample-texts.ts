/** A text, or a pair of texts that are read together. */
export type SampleText = { text: string; pair?: string }

const REVIEW =
  'I went in expecting very little and came out humming the score; the second act drags, the villain never quite ' +
  'convinces, but two of the performances are so finely judged that I would see it again tomorrow. '

/**
 * What `golden.json` holds, and what a conversion is measured on where the user gives no texts: short, long and odd ones, so
 * that a backend which is wrong in any path shows it. They say little about how well INT8 does on a user's own texts.
 */
export const SAMPLE_TEXTS: readonly SampleText[] = [
  { text: 'This pizza is great!' },
  { text: 'The plot made no sense and the ending was worse.' },
  { text: 'ok' },
  { text: '' },
  { text: 'Not bad at all, though I would not go out of my way for it.' },
  { text: 'It arrived late, the box was torn, and support never answered; I want my money back.' },
  { text: 'The meeting is on Tuesday at 10:30 in room B-17.' },
  { text: 'Crème brûlée à volonté — für 12,50 € pro Person?!' },
  { text: '最高の映画でした。 Очень хорошо! مذهل' },
  { text: '😀😡 lol :-) <b>wow</b> https://example.com/?q=1&r=%20' },
  { text: 'a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a' },
  { text: 'antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis' },
  { text: REVIEW },
  { text: REVIEW.repeat(4) },
  { text: REVIEW.repeat(20) },
  { text: 'Who wrote the book?', pair: 'The book was written in 1911 by a schoolteacher from Leeds.' },
]
