import { randomUUID } from 'node:crypto'
import type { Static } from 'typebox'
import type { Admission, Answer } from '../../gateway/admission.ts'
import { type CallContext, ranked } from '../dialect.ts'
import { usageOf } from './completion.ts'
import { modelName } from './model-name.ts'
import type { ClassificationsAnswer, ClassificationsBody } from './schemas.ts'

/**
 * Classifies the texts of a request, whether it came by itself or as a line of a batch.
 *
 * @throws ValenceError what `admission.classify` throws
 */
export function classifyTexts(
  admission: Admission,
  { model, input }: Static<typeof ClassificationsBody>,
  call: CallContext,
): Promise<Answer> {
  const texts = typeof input === 'string' ? [input] : input
  return admission.classify({ ...call, model: modelName(model), inputs: texts.map((text) => ({ text })) })
}

/** Writes the scores of texts as a list. */
export function classifications(answer: Answer): Static<typeof ClassificationsAnswer> {
  return {
    id: `classify-${randomUUID()}`,
    object: 'list',
    created: Math.floor(Date.now() / 1000),
    model: answer.model.id,
    data: answer.results.map((result, index) => {
      const scores = ranked(result)
      const probs = result.scores.map(({ score }) => score)
      return { index, label: scores[0]!.label, probs, num_classes: probs.length, scores }
    }),
    usage: usageOf(answer, 0),
  }
}
