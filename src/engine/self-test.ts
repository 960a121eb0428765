import type { EncodedText, PackAnswer } from './backend.ts'

/** A text with what the network says of it in floats. */
export type GoldenText = EncodedText & {
  /** [labels] */
  logits: Float32Array
}

/**
 * How far logits may be from those in floats, relative to them: the root of the mean square of the differences over that
 * of the logits. INT8 comes to 0.01 to 0.05, on random weights, which say least, to 0.15; kernels that are wrong give
 * something else altogether, and that is 1 or more.
 */
const LARGEST_ERROR = 0.25

/**
 * Texts of more tokens are not run alone as well: a start waits for them, and alone they take as long again as in the pack. Of the golden
 * texts four are as short.
 */
const MOST_TOKENS_ALONE = 16

/**
 * Runs the golden texts, in one pack, and the short ones each alone.
 *
 * @returns what is wrong with the answers, or nothing
 */
export async function selfTest(
  golden: readonly GoldenText[],
  run: (pack: EncodedText[]) => Promise<PackAnswer[]>,
): Promise<string | undefined> {
  // All are given at once: while the process starts, the event loop is long in coming back for the next.
  const alone = golden.filter(({ ids }) => ids.length <= MOST_TOKENS_ALONE)
  const [together, ...answers] = await Promise.all([run([...golden]), ...alone.map((text) => run([text]))])
  const error = relativeError(golden, together)
  if (!(error <= LARGEST_ERROR)) {
    return `its logits of ${golden.length} golden texts differ from those in floats by ${error.toPrecision(2)} of their size`
  }
  for (const [index, text] of alone.entries()) {
    const inPack = together[golden.indexOf(text)]!.logits
    if (answers[index]![0]!.logits.some((logit, label) => logit !== inPack[label])) {
      return 'a text has other logits alone than in a pack'
    }
  }
  return undefined
}

function relativeError(golden: readonly GoldenText[], answers: readonly PackAnswer[]): number {
  let difference = 0
  let size = 0
  for (const [index, { logits }] of golden.entries()) {
    for (const [label, expected] of logits.entries()) {
      difference += (answers[index]!.logits[label]! - expected) ** 2
      size += expected ** 2
    }
  }
  return Math.sqrt(difference / size)
}
