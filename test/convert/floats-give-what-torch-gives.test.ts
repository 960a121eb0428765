import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { floatNetworkFromCheckpoint } from '../../src/convert/checkpoint.ts'
import { openCheckpoint } from '../../src/convert/checkpoint-files.ts'
import { readConfigFile, readModelFolder } from '../../src/convert/model-folder.ts'
import type { EncodedText } from '../../src/engine/backend.ts'
import { onnxBackend, onnxFloatBackend, type SessionBackend } from '../../src/engine/onnx/backend.ts'

/** Checkpoints with random weights and torch's logits for them; the make-fixtures.py beside them made them. */
const CHECKPOINTS = [
  'bert',
  'distilbert',
  'bert-bfloat16',
  'distilbert-float16',
  'odd/bert-multi-label',
  'odd/distilbert-regression-in-parts',
  'odd/bert-old-names',
  'roberta',
  'roberta-regression',
  'roberta-multi-label',
]

/** What the floats of two libraries may differ by. */
const FLOAT_TOLERANCE = 1e-4

/** What quantising costs these: random weights have no structure that would make errors cancel. */
const INT8_TOLERANCE = 0.15

describe.each(CHECKPOINTS)('the checkpoint %s', (name) => {
  const folder = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
  const expected = expectedOf(folder)

  it('gives the logits of torch in floats', async () => {
    const checkpoint = openCheckpoint(folder)!
    const network = floatNetworkFromCheckpoint(readConfigFile(folder), checkpoint.tensors)
    checkpoint.close()
    expect(await largestDifference(await onnxFloatBackend(network, 1), expected)).toBeLessThan(FLOAT_TOLERANCE)
  })

  it('comes near them in INT8', async () => {
    const backend = await onnxBackend(readModelFolder(folder).network)
    expect(await largestDifference(backend, expected)).toBeLessThan(INT8_TOLERANCE)
  })
})

type Expected = { ids: number[]; typeIds: number[]; fp32: number[] }

function expectedOf(folder: string): Expected[] {
  const json = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as
    | Expected[]
    | { texts: { ids: number[]; typeIds?: number[] }[]; fp32: number[][] }
  if (Array.isArray(json)) return json
  return json.texts.map(({ ids, typeIds = ids.map(() => 0) }, index) => ({ ids, typeIds, fp32: json.fp32[index]! }))
}

async function largestDifference(backend: SessionBackend, expected: Expected[]): Promise<number> {
  const pack = expected.map(
    ({ ids, typeIds }): EncodedText => ({ ids: Int32Array.from(ids), typeIds: Int32Array.from(typeIds) }),
  )
  const answers = await backend.run(pack)
  await backend.close()
  const differences = answers.flatMap(({ logits }, text) => {
    expect(logits).toHaveLength(expected[text]!.fp32.length)
    return Array.from(logits, (logit, label) => Math.abs(logit - expected[text]!.fp32[label]!))
  })
  return Math.max(...differences)
}
