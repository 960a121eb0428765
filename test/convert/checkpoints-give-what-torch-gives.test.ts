import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import type { EncodedText } from '../../src/engine/backend.ts'
import { onnxBackend } from '../../src/engine/onnx/backend.ts'

type Expected = {
  texts: { ids: number[]; typeIds: number[] }[]
  fp32: number[][]
  int8: number[][]
}

/** Checkpoints with random weights; fixtures/make-fixtures.py makes them and asks torch for the logits. */
const CHECKPOINTS = ['bert', 'distilbert', 'bert-bfloat16', 'distilbert-float16']

/**
 * Both sides round activations to one of 255 steps; where a float differs in its last bits, one may fall on the other
 * side of a step, and that is one part in 255 of one activation.
 */
const TOLERANCE = 2e-3

describe.each(CHECKPOINTS)('the checkpoint %s', (name) => {
  const folder = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
  const expected = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as Expected

  it('gives the logits of the same INT8 arithmetic in torch, and comes near fp32', async () => {
    const backend = await onnxBackend(readModelFolder(folder).network)
    const pack = expected.texts.map(
      ({ ids, typeIds }): EncodedText => ({ ids: Int32Array.from(ids), typeIds: Int32Array.from(typeIds) }),
    )
    const answers = await backend.run(pack)
    answers.forEach(({ logits }, text) => {
      logits.forEach((logit, label) => {
        expect(Math.abs(logit - expected.int8[text]![label]!)).toBeLessThan(TOLERANCE)
        expect(Math.abs(logit - expected.fp32[text]![label]!)).toBeLessThan(0.15)
      })
    })
  })
})
