import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { INPUT_IDS, LOGITS, onnxModel, TYPE_IDS, type WeightType } from '../../src/engine/onnx/graph.ts'
import { exactWeightType } from '../../src/engine/onnx/weight-type.ts'

const { network } = readModelFolder(fileURLToPath(new URL('../convert/fixtures/bert', import.meta.url)))

it('is not fused into SkipLayerNormalization', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'valence-graph-'))
  const optimizedModelFilePath = join(folder, 'optimised.onnx')
  await InferenceSession.create(onnxModel(network, 'int8'), { optimizedModelFilePath, graphOptimizationLevel: 'all' })
  const operators = readFileSync(optimizedModelFilePath, 'latin1')
  rmSync(folder, { recursive: true })
  expect(operators).toContain('LayerNormalization')
  expect(operators).not.toContain('SkipLayerNormalization')
})

it('gives the same bits with weights stored as int8 and as uint8', async () => {
  // Where int8 weights are not exact (no VNNI), the two differ: that is why uint8 is chosen there.
  expect(await exactWeightType()).toBeOneOf(['int8', 'uint8'])
  if ((await exactWeightType()) === 'int8') expect(await logits('int8')).toStrictEqual(await logits('uint8'))
})

async function logits(weightType: WeightType): Promise<Float32Array> {
  const session = await InferenceSession.create(onnxModel(network, weightType))
  const ids = Int32Array.from({ length: 20 }, (_, index) => 1 + ((index * 37) % 96))
  const outputs = await session.run({
    [INPUT_IDS]: new Tensor('int32', ids, [20]),
    [TYPE_IDS]: new Tensor('int32', new Int32Array(20), [20]),
  })
  await session.release()
  return outputs[LOGITS]!.data as Float32Array
}
