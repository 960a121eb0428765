import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FakeRepo } from './hub.ts'
import { writeTinyTokenizer } from './tiny-tokenizer.ts'

const CHECKPOINT = fileURLToPath(new URL('../convert/fixtures/distilbert', import.meta.url))
const ONNX_FOLDER = fileURLToPath(new URL('../convert/fixtures/onnx/xenova', import.meta.url))
const ONNX_VOCABULARY = 60
const VOCABULARY = 97

const REPO = 'distilbert/distilbert-base-uncased-finetuned-sst-2-english'

/** The same tiny DistilBERT as a repository of the tests' Hub, with a file that nobody needs. */
export function repoWithRandomDistilbert(): FakeRepo {
  const models = folderWithRandomDistilbert()
  const folder = join(models, REPO)
  const files = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
  rmSync(models, { recursive: true })
  return { id: REPO, files: { ...files, 'README.md': Buffer.from('# A model') } }
}

/** Makes a folder of models that holds a tiny DistilBERT with random weights where the real one would lie. */
export function folderWithRandomDistilbert(): string {
  const models = mkdtempSync(join(tmpdir(), 'valence-models-'))
  const folder = join(models, ...REPO.split('/'))
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
