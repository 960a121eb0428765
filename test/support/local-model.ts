import { cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeTinyTokenizer } from './tiny-tokenizer.ts'

const CHECKPOINT = fileURLToPath(new URL('../convert/fixtures/distilbert', import.meta.url))
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
