import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { defaultActivation } from '../../src/convert/activation.ts'
import { readClassifierConfig } from '../../src/convert/config.ts'
import { activate } from '../../src/engine/activation.ts'

/** What a config has beside its labels. */
const SIZES = {
  model_type: 'bert',
  vocab_size: 10,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 16,
}

type Case = { config: Record<string, unknown>; logits: number[]; scores: Record<string, number> }

const CASES = JSON.parse(
  readFileSync(new URL('./fixtures/odd/pipeline-scores.json', import.meta.url), 'utf8'),
) as Case[]

it.each(CASES.map((one) => ({ ...one, named: JSON.stringify(one.config) })))(
  'gives the labels and scores of the transformers pipeline for $named',
  ({ config, logits, scores }) => {
    const read = readClassifierConfig({ ...SIZES, ...config })
    const ours = activate(Float32Array.from(logits), defaultActivation(read))
    expect(Object.keys(scores).toSorted()).toStrictEqual(read.labels.toSorted())
    for (const [index, label] of read.labels.entries()) expect(ours[index]).toBeCloseTo(scores[label]!, 6)
  },
)
