import { cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeTinyTokenizer } from './tiny-tokenizer.ts'

const CHECKPOINT = fileURLToPath(new URL('../convert/fixtures/distilbert', import.meta.url))
const ONNX_FOLDER = fileURLToPath(new URL('../convert/fixtures/onnx/xenova', import.meta.url))
const ONNX_VOCABULARY = 60
const VOCABULARY = 97

/** Makes a folder of models that holds a tiny DistilBERT with random weights where the real one would lie. */
export function folderWithRandomDistilbert(): string {
  const models = mkdtempSync(join(tmpdir(), 'valence-models-'))
  const folder = join(models, 'distilbert', 'distilbert-base-uncased-finetuned-sst-2-english')
  mkdirSync(folder, { recursive: true })
  for (const name of ['config.json', 'model.safetensors']) cpSync(join(CHECKPOINT, name), join(folder, name))
  writeTinyTokenizer(folder, VOCABULARY)
  return models
}

/** Makes a folder of models that holds a ready-made ONNX file, of random weights, in the same model's place. */
export function folderWithReadyMadeOnnx(): string {
  const models = mkdtempSync(join(tmpdir(), 'valence-models-'))
  const folder = join(models, 'Xenova', 'distilbert-base-uncased-finetuned-sst-2-english')
  cpSync(ONNX_FOLDER, folder, { recursive: true })
  writeTinyTokenizer(folder, ONNX_VOCABULARY)
  return models
}
