import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { openModelFolder } from '../../src/convert/model-folder.ts'
import { createPool } from '../../src/engine/pool.ts'
import { folderWithReadyMadeOnnx } from '../support/local-model.ts'

/** Made by the make-fixtures.py beside them, with the logits that ONNX Runtime gives in Python. */
const FOLDERS = ['xenova', 'intel', 'weights-beside']

/** Both sides are the same library, of two versions. */
const TOLERANCE = 1e-3

type Expected = { file: string; texts: { ids: number[]; typeIds: number[]; logits: number[] }[] }

const scratch = mkdtempSync(join(tmpdir(), 'valence-onnx-'))
afterAll(() => rmSync(scratch, { recursive: true }))

describe.each(FOLDERS)('the folder %s', (name) => {
  const folder = fixture(name)
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected

  it('runs on the workers and gives the logits that it gives elsewhere', async () => {
    const { network } = openModelFolder(folder)
    expect(network).toMatchObject({ onnxPath: join(folder, expected.file), maxTokens: 16 })
    const pool = createPool(1, { onFailure: unexpected, onIdle: () => {} })
    await pool.load(name, network)
    const answers = await pool.run(
      name,
      expected.texts.map(({ ids, typeIds }) => ({ ids: Int32Array.from(ids), typeIds: Int32Array.from(typeIds) })),
    )
    await pool.close()
    for (const [index, { logits }] of answers.entries()) {
      expect(logits).toHaveLength(expected.texts[index]!.logits.length)
      for (const [label, logit] of logits.entries()) {
        expect(Math.abs(logit - expected.texts[index]!.logits[label]!)).toBeLessThan(TOLERANCE)
      }
    }
  })
})

it('answer for a model of the catalog', () => {
  const models = folderWithReadyMadeOnnx()
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['src/cli/valence.js', 'classify', '--models-dir', models, '--json', 'w1 w2'],
    { encoding: 'utf8', timeout: 20_000 },
  )
  rmSync(models, { recursive: true })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ model: 'huggingface/distilbert-sst-2-int8' })
})

it('takes a checkpoint before an ONNX file', () => {
  const folder = join(scratch, 'both')
  cpSync(fixture('xenova'), folder, { recursive: true })
  const checkpoint = fileURLToPath(new URL('./fixtures/distilbert/', import.meta.url))
  for (const file of ['config.json', 'model.safetensors']) cpSync(join(checkpoint, file), join(folder, file))
  expect(openModelFolder(folder).network).toHaveProperty('wordEmbeddings')
})

it('takes floats where nothing is quantised', () => {
  const folder = join(scratch, 'floats')
  cpSync(fixture('xenova'), folder, { recursive: true })
  rmSync(join(folder, 'onnx', 'model_quantized.onnx'))
  expect(openModelFolder(folder).network).toMatchObject({ onnxPath: join(folder, 'onnx/model.onnx') })
})

it('refuses a file whose labels are not those of the config', async () => {
  const { network } = openModelFolder(fixture('intel'))
  const pool = createPool(1, { onFailure: unexpected, onIdle: () => {} })
  await expect(pool.load('intel', { ...network, labels: 2 })).rejects.toThrow(/model\.onnx.*\[1, 3\].*2 labels/)
  await pool.close()
})

function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/onnx/${name}`, import.meta.url))
}

function unexpected(error: Error): void {
  throw error
}
