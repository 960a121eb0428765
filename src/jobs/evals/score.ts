/** What a candidate said of one text of the dataset. */
export type Said = {
  /** undefined where the call failed */
  label: string | undefined
  costMicros: number
  latencyMs: number
}

export type Metric = 'quality' | 'cost' | 'speed'

/** How a candidate did. */
export type CandidateScore = {
  model: string
  /** calls that were answered, and that were not */
  answered: number
  failed: number
  /** how many labels are the reference's, of all texts that have one; null where none has */
  accuracy: number | null
  /** the mean over the labels of F1 */
  macroF1: number | null
  costMicros: number
  latencyP50Ms: number | null
  latencyP95Ms: number | null
}

/** What labels are measured by: what the dataset expects, or, where it expects nothing, what most candidates said. */
export type Basis = 'expected' | 'majority' | 'mixed'

/**
 * @param said by candidate, then by text
 * @param expected by text; undefined where the dataset does not say
 */
export function scoreCandidates(
  models: readonly string[],
  said: readonly (readonly Said[])[],
  expected: readonly (string | undefined)[],
): { basis: Basis; scores: CandidateScore[] } {
  const references = expected.map((label, text) => label ?? majority(said.map((candidate) => candidate[text]!.label)))
  return { basis: basisOf(expected), scores: models.map((model, index) => scoreOf(model, said[index]!, references)) }
}

/**
 * The best by the metric; where two are equal, by the others. A candidate that failed more often comes after one that
 * failed less.
 *
 * @returns undefined where no candidate has answered anything
 */
export function winnerOf(scores: readonly CandidateScore[], metric: Metric): CandidateScore | undefined {
  const [best] = scores
    .filter(({ answered }) => answered > 0)
    .toSorted((a, b) => a.failed - b.failed || firstDifference(ranksOf(a, metric), ranksOf(b, metric)))
  return best
}

/** Lower is better. */
function ranksOf({ accuracy, macroF1, costMicros, latencyP50Ms, latencyP95Ms }: CandidateScore, metric: Metric) {
  const quality = [-(accuracy ?? 0), -(macroF1 ?? 0)]
  const cost = [costMicros]
  const speed = [latencyP50Ms ?? Number.POSITIVE_INFINITY, latencyP95Ms ?? Number.POSITIVE_INFINITY]
  if (metric === 'quality') return [...quality, ...cost, ...speed]
  if (metric === 'cost') return [...cost, ...quality, ...speed]
  return [...speed, ...quality, ...cost]
}

function firstDifference(a: readonly number[], b: readonly number[]): number {
  return a.map((value, index) => value - b[index]!).find((difference) => difference !== 0) ?? 0
}

function scoreOf(model: string, said: readonly Said[], references: readonly (string | undefined)[]): CandidateScore {
  const answers = said.filter(({ label }) => label !== undefined)
  const latencies = answers.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b)
  const pairs = references.flatMap((reference, text) =>
    reference === undefined ? [] : [{ reference: fold(reference), label: fold(said[text]!.label) }],
  )
  return {
    model,
    answered: answers.length,
    failed: said.length - answers.length,
    accuracy: pairs.length === 0 ? null : pairs.filter(isRight).length / pairs.length,
    macroF1: pairs.length === 0 ? null : macroF1(pairs),
    costMicros: said.reduce((sum, { costMicros }) => sum + costMicros, 0),
    latencyP50Ms: percentile(latencies, 0.5),
    latencyP95Ms: percentile(latencies, 0.95),
  }
}

type Pair = { reference: string; label: string }

function isRight({ reference, label }: Pair): boolean {
  return reference === label
}

/** Over every label that is a reference or was said. */
function macroF1(pairs: readonly Pair[]): number {
  const labels = new Set(pairs.flatMap(({ reference, label }) => (label === '' ? [reference] : [reference, label])))
  const each = [...labels].map((label) => {
    const right = pairs.filter((pair) => pair.reference === label && isRight(pair)).length
    const saidAtAll = pairs.filter((pair) => pair.label === label).length
    const meant = pairs.filter((pair) => pair.reference === label).length
    return (2 * right) / (saidAtAll + meant)
  })
  return each.reduce((sum, value) => sum + value, 0) / each.length
}

/** Undefined where none has more votes than every other; models spell labels as they like, too. */
function majority(labels: readonly (string | undefined)[]): string | undefined {
  const votes = Map.groupBy(
    labels.filter((label) => label !== undefined),
    fold,
  )
  const [first, second] = [...votes.entries()].toSorted((a, b) => b[1].length - a[1].length)
  return first && first[1].length > (second?.[1].length ?? 0) ? first[0] : undefined
}

function basisOf(expected: readonly (string | undefined)[]): Basis {
  const given = expected.filter((label) => label !== undefined).length
  return given === expected.length ? 'expected' : given === 0 ? 'majority' : 'mixed'
}

/** Datasets spell labels as they like: positive, Positive. */
function fold(label: string | undefined): string {
  return (label ?? '').trim().toUpperCase()
}

/** The nearest rank. */
function percentile(sorted: readonly number[], share: number): number | null {
  return sorted.length === 0 ? null : sorted[Math.ceil(share * sorted.length) - 1]!
}
