/** One piece of what a model reads: special tokens, or the place of a text. */
export type TemplatePiece = { ids: readonly number[]; typeId: number } | { text: 'first' | 'second'; typeId: number }

export type Template = readonly TemplatePiece[]

/** RoBERTa's: `<s> first </s>` and `<s> first </s></s> second </s>`, with one type for all. */
export function robertaTemplates({ cls, sep }: { cls: number; sep: number }): { single: Template; pair: Template } {
  const special = (...ids: number[]): TemplatePiece => ({ ids, typeId: 0 })
  const first: TemplatePiece = { text: 'first', typeId: 0 }
  const second: TemplatePiece = { text: 'second', typeId: 0 }
  return {
    single: [special(cls), first, special(sep)],
    pair: [special(cls), first, special(sep, sep), second, special(sep)],
  }
}

/** How many ids the special tokens of a template take. */
export function overheadOf(template: Template): number {
  return template.reduce((sum, piece) => sum + ('ids' in piece ? piece.ids.length : 0), 0)
}

/** Of each length that was needed, one for all sequences: it takes longer to make than to find, and thousands of texts wait with theirs. */
const zeros: Int32Array[] = []

/** Longer ones are made anew: there are too many lengths to keep them all. */
const LONGEST_KEPT = 1024

function zerosOf(length: number): Int32Array {
  if (length > LONGEST_KEPT) return new Int32Array(length)
  zeros[length] ??= new Int32Array(length)
  return zeros[length]
}

/**
 * Puts the ids of one or two texts into a template: `[CLS] first [SEP] second [SEP]`.
 *
 * @returns arrays to be read only: others may have the same
 */
export function fillTemplate(
  template: Template,
  texts: { first: readonly number[]; second: readonly number[] },
): { ids: Int32Array; typeIds: Int32Array } {
  const idsOf = (piece: TemplatePiece) => ('ids' in piece ? piece.ids : texts[piece.text])
  const length = template.reduce((sum, piece) => sum + idsOf(piece).length, 0)
  const ids = new Int32Array(length)
  const typeIds = template.every(({ typeId }) => typeId === 0) ? zerosOf(length) : new Int32Array(length)
  let position = 0
  for (const piece of template) {
    const start = position
    // By a loop, since set() is several times slower for an array that is none of its own kind.
    for (const id of idsOf(piece)) ids[position++] = id
    if (piece.typeId !== 0) typeIds.fill(piece.typeId, start, position)
  }
  return { ids, typeIds }
}
