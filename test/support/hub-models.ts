import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEngine } from '../../src/engine/engine.ts'
import { sizeInMemory } from '../../src/loading/on-demand-files.ts'
import type { FakeRepo } from './hub.ts'
import { writeTinyTokenizer } from './tiny-tokenizer.ts'

const FIXTURES = fileURLToPath(new URL('../convert/fixtures/', import.meta.url))

/** Checkpoints of random weights, one of each family and kind. */
export const KINDS = ['distilbert', 'bert', 'roberta', 'roberta-multi-label', 'roberta-regression'] as const

export type Kind = (typeof KINDS)[number]

/** A repository of the tests' Hub with a checkpoint of the kind. */
export function repoOf(id: string, kind: Kind, commit: string): FakeRepo {
  const folder = folderOf(kind)
  const files = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
  rmSync(folder, { recursive: true })
  return { id, files, commit }
}

/** Puts such a checkpoint into a folder of models. */
export function putModel(modelsDir: string, id: string, kind: Kind): void {
  const folder = folderOf(kind)
  const target = join(modelsDir, ...id.split('/'))
  mkdirSync(target, { recursive: true })
  cpSync(folder, target, { recursive: true })
  rmSync(folder, { recursive: true })
}

/** What a server of one worker counts for a model of the kind. */
export async function bytesInMemory(kind: Kind): Promise<number> {
  const engine = createEngine({
    backend: 'auto',
    workers: 1,
    maxWaiting: 1,
    maxWaitingTokens: 1,
    onWorkerFailure() {},
  })
  const { bytes } = sizeInMemory(join(FIXTURES, kind), engine)
  await engine.close()
  return bytes
}

function folderOf(kind: Kind): string {
  const folder = mkdtempSync(join(tmpdir(), 'valence-model-'))
  cpSync(join(FIXTURES, kind), folder, { recursive: true })
  rmSync(join(folder, 'expected.json'))
  const hasTokenizer = readdirSync(folder).some((name) => /^(tokenizer|vocab)\.json$/.test(name))
  if (!hasTokenizer) {
    const { vocab_size } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { vocab_size: number }
    writeTinyTokenizer(folder, vocab_size)
  }
  return folder
}

/** Gives the labels of a model in a folder of models other names. */
export function nameLabels(modelsDir: string, id: string, labels: readonly string[]): void {
  const path = join(modelsDir, ...id.split('/'), 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as { id2label: object; label2id: object }
  if (Object.keys(config.id2label).length !== labels.length) throw new Error('it has another number of labels')
  config.id2label = Object.fromEntries(labels.map((label, index) => [index, label]))
  config.label2id = Object.fromEntries(labels.map((label, index) => [label, index]))
  writeFileSync(path, JSON.stringify(config))
}
