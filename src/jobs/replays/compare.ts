type Scores = readonly { label: string; score: number }[]

/** How a text's two answers differ. */
export type TextDiff = {
  source: string
  target: string
  /** the target's score less the source's, of every label that either has */
  scores: { label: string; delta: number }[]
}

/**
 * Compares two models' answers to the same texts.
 *
 * @returns `similarity`: 1 where all scores are the same, 0 where the answers have nothing in common (1 less half of the
 *   differences' sum, the mean over the texts)
 */
export function compareAnswers(
  source: readonly Scores[],
  target: readonly Scores[],
): { similarity: number; diff: { labels_changed: number; texts: TextDiff[] } } {
  const texts = source.map((scores, index) => compareText(scores, target[index]!))
  const distances = texts.map(({ scores }) => scores.reduce((sum, { delta }) => sum + Math.abs(delta), 0) / 2)
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length
  return {
    // Sigmoid scores of several labels may differ by more than a distribution can.
    similarity: Math.max(0, 1 - mean),
    diff: { labels_changed: texts.filter((text) => text.source !== text.target).length, texts },
  }
}

/** What a client sees of an answer at a glance: the label, or those of several texts as JSON. */
export function outputOf(answers: readonly Scores[]): string {
  const labels = answers.map(topLabel)
  return labels.length === 1 ? labels[0]! : JSON.stringify(labels)
}

function compareText(source: Scores, target: Scores): TextDiff {
  const labels = new Set([...source, ...target].map(({ label }) => label))
  return {
    source: topLabel(source),
    target: topLabel(target),
    scores: [...labels].map((label) => ({ label, delta: scoreOf(target, label) - scoreOf(source, label) })),
  }
}

function scoreOf(scores: Scores, label: string): number {
  return scores.find((each) => each.label === label)?.score ?? 0
}

function topLabel(scores: Scores): string {
  return scores.toSorted((a, b) => b.score - a.score)[0]!.label
}
