import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultActivation } from '../../src/convert/activation.ts'
import { readClassifierConfig } from '../../src/convert/config.ts'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { createEngine, type Engine } from '../../src/engine/engine.ts'
import { createTokenizer } from '../../src/engine/tokenizer/tokenizer.ts'
import { never } from '../support/engine.ts'
import { plainForward } from '../support/plain-forward.ts'

/** fixtures/make-roberta-fixtures.py makes them and asks transformers. */
type Expected = {
  texts: { text: string; pair?: string; ids: number[] }[]
  fp32: number[][]
  int8: number[][]
  scores: Record<string, number>[]
}

/** Both sides round activations to one of 255 steps; a float that differs in its last bits may fall on another one. */
const INT8_TOLERANCE = 2e-3
/** What activations in INT8 may cost against fp32; it is small, since the weights of the fixtures lose nothing. */
const QUANTISATION = 0.1
const FLOAT_TOLERANCE = 1e-4

const ACTIVATIONS = { roberta: 'softmax', 'roberta-regression': 'none', 'roberta-multi-label': 'sigmoid' } as const

describe.each(Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[])('the folder %s', (name) => {
  const folder = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
  const expected = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as Expected
  const { config, network, tokenizerFiles } = readModelFolder(folder)
  const tokenizer = createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens })
  const encoded = expected.texts.map(({ text, pair }) => tokenizer.encode(text, pair))
  let engine: Engine

  beforeAll(async () => {
    engine = createEngine({
      backend: 'onnxruntime',
      workers: 1,
      maxWaiting: 100,
      maxWaitingTokens: 100_000,
      onWorkerFailure: (error) => console.error(error),
    })
    const activation = defaultActivation(config)
    await engine.load({
      id: name,
      network,
      makeTokenizer: () => tokenizer,
      golden: [],
      labels: config.labels,
      activation,
    })
  })
  afterAll(() => engine.close())

  it('reads texts and pairs as the tokenizer of transformers does, cut where the positions end', () => {
    expect(network.maxTokens).toBe(24)
    encoded.forEach(({ ids, typeIds }, index) => {
      expect([...ids], expected.texts[index]!.text).toEqual(expected.texts[index]!.ids)
      expect(typeIds.every((type) => type === 0)).toBe(true)
    })
    expect(encoded.filter(({ truncated }) => truncated).length).toBeGreaterThan(2)
  })

  it("gives torch's fp32 logits where it is computed in floats", () => {
    encoded.forEach((text, index) => {
      expectNear(plainForward(network, text), expected.fp32[index]!, FLOAT_TOLERANCE)
    })
  })

  it('gives the logits of the same INT8 arithmetic in torch, and comes near fp32', async () => {
    const results = await engine.classify(name, expected.texts, { activation: 'none', signal: never() })
    results.forEach(({ scores }, index) => {
      const logits = scores.map(({ score }) => score)
      expectNear(logits, expected.int8[index]!, INT8_TOLERANCE)
      expectNear(logits, expected.fp32[index]!, QUANTISATION)
    })
  })

  it('gives the labels and scores of the pipeline of transformers', async () => {
    expect(defaultActivation(config)).toBe(ACTIVATIONS[name])
    const results = await engine.classify(name, expected.texts, { signal: never() })
    results.forEach(({ scores, truncated }, index) => {
      const wanted = expected.scores[index]!
      expect(scores.map(({ label }) => label).toSorted()).toEqual(Object.keys(wanted).toSorted())
      for (const { label, score } of scores) expect(Math.abs(score - wanted[label]!)).toBeLessThan(INT8_TOLERANCE)
      expect(truncated).toBe(encoded[index]!.truncated)
    })
  })
})

describe('config.json', () => {
  const usual = JSON.parse(readFileSync(new URL('./fixtures/roberta/config.json', import.meta.url), 'utf8')) as object

  it('says where the positions begin', () => {
    expect(readClassifierConfig(usual)).toMatchObject({ positions: 24, firstPosition: 2, types: 1 })
    expect(readClassifierConfig({ ...usual, pad_token_id: 0 })).toMatchObject({ positions: 25, firstPosition: 1 })
    expect(readClassifierConfig({ ...usual, pad_token_id: undefined })).toMatchObject({ firstPosition: 2 })
  })

  it.each([
    [{ model_type: 'xlm-roberta' }, /"xlm-roberta" is not supported, since its SentencePiece tokenizer is not/],
    [{ model_type: 'camembert' }, /"camembert" is not supported; bert, distilbert and roberta are/],
    [{ pad_token_id: -1 }, /pad_token_id must be a whole number/],
    [{ pad_token_id: null }, /pad_token_id must be a whole number from 0 to 1000000, not null/],
    [{ max_position_embeddings: 2 }, /leaves no position after the first 2/],
    [{ type_vocab_size: 0 }, /type_vocab_size/],
    [{ position_embedding_type: 'relative_key' }, /"relative_key" is not supported/],
    [{ hidden_act: 'relu' }, /"relu" is not supported/],
  ])('is refused with %j', (change, message) => {
    expect(() => readClassifierConfig({ ...usual, ...change })).toThrow(message)
  })
})

function expectNear(found: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(wanted.length)
  const differences = found.map((value, index) => Math.abs(value - wanted[index]!))
  expect(Math.max(...differences)).toBeLessThan(tolerance)
}
