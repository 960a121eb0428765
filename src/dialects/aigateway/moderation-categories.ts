import type { CatalogModel } from '../../catalog/catalog.ts'
import type { LabelScore } from '../../gateway/admission.ts'

/** OpenAI's categories, all of which its clients expect. */
export const CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/intent',
  'self-harm/instructions',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
] as const

type Category = (typeof CATEGORIES)[number]

/** Names of toxicity classifiers' labels that mean one of the categories; the categories' own names mean themselves. */
const BY_LABEL: Readonly<Record<string, Category>> = {
  toxic: 'harassment',
  toxicity: 'harassment',
  severe_toxic: 'harassment',
  severe_toxicity: 'harassment',
  insult: 'harassment',
  threat: 'harassment/threatening',
  identity_hate: 'hate',
  identity_attack: 'hate',
  hateful: 'hate',
  sexual_explicit: 'sexual',
  nsfw: 'sexual',
}

/** From here on a text is flagged; a score is the probability that the label fits. */
const FLAGGED_FROM = 0.5

/** Whether a model's labels say anything about content to be moderated; sentiment, for one, does not. */
export function canModerate({ labels }: CatalogModel): boolean {
  return labels.some((label) => categoryOf(label) !== undefined)
}

/**
 * A text's scores in OpenAI's shape. A category has the highest score of the labels that mean it; where none does, the model
 * cannot judge it: it is not flagged, and its `category_applied_input_types` is empty.
 */
export function moderation(scores: readonly LabelScore[]) {
  const judged = new Map<Category, number>()
  for (const { label, score } of scores) {
    const category = categoryOf(label)
    if (category !== undefined) judged.set(category, Math.max(score, judged.get(category) ?? 0))
  }
  const perCategory = <T>(of: (score: number | undefined) => T) =>
    Object.fromEntries(CATEGORIES.map((category) => [category, of(judged.get(category))])) as Record<Category, T>
  return {
    flagged: [...judged.values()].some((score) => score >= FLAGGED_FROM),
    categories: perCategory((score = 0) => score >= FLAGGED_FROM),
    category_scores: perCategory((score = 0) => score),
    category_applied_input_types: perCategory((score) => (score === undefined ? [] : ['text' as const])),
  }
}

function categoryOf(label: string): Category | undefined {
  const name = label.toLowerCase()
  return CATEGORIES.find((category) => category === name) ?? BY_LABEL[name.replaceAll(/[\s-]/g, '_')]
}
