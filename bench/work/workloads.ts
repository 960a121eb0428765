import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { createTokenizer } from '../../src/engine/tokenizer/tokenizer.ts'

/** One kind of work: texts in the order in which every library gets them. */
export type Workload = {
  name: WorkloadName
  title: string
  texts: string[]
  /** what the network reads of each text, special tokens included, at most 512 */
  tokens: number[]
  /** numbers of texts, each list a batch of texts of similar length */
  batches: number[][]
}

export const WORKLOADS = ['sst2-dev', 'sst2-phrases', 'reviews'] as const
export type WorkloadName = (typeof WORKLOADS)[number]

/** What the longest text of the models compared may have. */
const MAX_TOKENS = 512
/** As large as guides for CPUs go; long texts are bounded by tokens, for eight of them are as much work as 200 short ones. */
const BATCH_TEXTS = 32
const BATCH_TOKENS = 4096
/** Enough that no round sees a text twice on this generation of machines, and few enough to tokenise in a second. */
const PHRASES = 4000
const REVIEWS = 200
const GATE = { 'sst2-dev': 160, 'sst2-phrases': 20, reviews: 20 }
/** What NNCF takes by default. */
const CALIBRATION_TEXTS = 300

const DATA = fileURLToPath(new URL('../../../shared/data', import.meta.url))
const MADE_UP = fileURLToPath(new URL('made-up-sentences.txt', import.meta.url))
/** Both models have this one, which is bert-base-uncased's. */
const TOKENIZER = new URL('../../models/minilm-sst-2-int8/tokenizer.json', import.meta.url)

const tokenizerJson: unknown = JSON.parse(readFileSync(TOKENIZER, 'utf8'))
const tokenizer = createTokenizer({ tokenizerJson }, { maxTokens: MAX_TOKENS })

/** Whether SST-2 and the reviews are on this machine; where not, made-up sentences take their place. */
export function hasRealTexts(): boolean {
  return existsSync(join(DATA, 'sst2', 'dev.tsv')) && existsSync(join(DATA, 'imdb-sample', 'reviews.jsonl.gz'))
}

/** Every workload, the same in every run. */
export function readWorkloads(): Map<WorkloadName, Workload> {
  const texts = hasRealTexts() ? realTexts() : madeUpTexts()
  const titles = hasRealTexts()
    ? {
        'sst2-dev': 'SST-2 dev sentences',
        'sst2-phrases': 'SST-2 training phrases',
        reviews: 'reviews cut at 512 tokens',
      }
    : { 'sst2-dev': 'made-up sentences', 'sst2-phrases': 'made-up phrases', reviews: 'made-up long texts' }
  return new Map(WORKLOADS.map((name) => [name, workload(name, titles[name], texts[name])]))
}

/** SST-2's dev set with its labels, 1 for positive; undefined where it is not on this machine. */
export function readDevSet(): { text: string; label: number }[] | undefined {
  return hasRealTexts() ? labelled('dev.tsv') : undefined
}

/** What the accuracy gate compares, and what static quantisation is calibrated on; the dev set is in the first only. */
export function gateAndCalibration(workloads: Map<WorkloadName, Workload>): { gate: string[]; calibration: string[] } {
  const gate = WORKLOADS.flatMap((name) => workloads.get(name)!.texts.slice(0, GATE[name]))
  const phrases = workloads.get('sst2-phrases')!.texts.slice(GATE['sst2-phrases'])
  // Fragments of a word or two say little about the range of activations.
  const calibration = phrases.filter((text) => text.split(' ').length >= 5).slice(0, CALIBRATION_TEXTS)
  return { gate, calibration }
}

function realTexts(): Record<WorkloadName, string[]> {
  const training = labelled('train.tsv').map(({ text }) => text)
  return {
    'sst2-dev': shuffled(labelled('dev.tsv').map(({ text }) => text)),
    'sst2-phrases': shuffled([...new Set(training)]).slice(0, PHRASES),
    reviews: reviews().filter(isLong).slice(0, REVIEWS).map(cut),
  }
}

function madeUpTexts(): Record<WorkloadName, string[]> {
  const sentences = readFileSync(MADE_UP, 'utf8').trimEnd().split('\n')
  const long = (index: number) =>
    shuffled(
      Array(60)
        .fill(sentences)
        .flat()
        .slice(index, index + 60),
      index,
    ).join(' ')
  return {
    'sst2-dev': shuffled(sentences),
    'sst2-phrases': shuffled(sentences.flatMap((sentence) => [2, 4, 7, 9].map((words) => firstWords(sentence, words)))),
    reviews: sentences.map((_, index) => cut(long(index))),
  }
}

function isLong(text: string): boolean {
  return tokenizer.encode(text).ids.length === MAX_TOKENS
}

/** As many whole words as the models read: cut here, because not every library cuts by itself. */
function cut(text: string): string {
  const words = text.split(' ')
  let fits = 0
  let tooMany = words.length + 1
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1
    if (tokenizer.encode(words.slice(0, middle).join(' ')).truncated) tooMany = middle
    else fits = middle
  }
  return words.slice(0, fits).join(' ')
}

function firstWords(sentence: string, words: number): string {
  return sentence.split(' ').slice(0, words).join(' ')
}

function labelled(file: string): { text: string; label: number }[] {
  const lines = readFileSync(join(DATA, 'sst2', file), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
  return lines.map((line) => {
    const [label = '', text = ''] = line.split('\t')
    return { text: text.trim(), label: Number(label) }
  })
}

function reviews(): string[] {
  const lines = gunzipSync(readFileSync(join(DATA, 'imdb-sample', 'reviews.jsonl.gz')))
    .toString('utf8')
    .trimEnd()
  return lines.split('\n').map((line) => (JSON.parse(line) as { text: string }).text)
}

function workload(name: WorkloadName, title: string, texts: string[]): Workload {
  const tokens = texts.map((text) => tokenizer.encode(text).ids.length)
  return { name, title, texts, tokens, batches: batchesOf(tokens) }
}

/** Batches of neighbours in length, so that little is padding, in an order that mixes lengths. */
function batchesOf(tokens: readonly number[]): number[][] {
  const byLength = tokens.map((_, index) => index).toSorted((a, b) => tokens[a]! - tokens[b]!)
  const batches: number[][] = []
  let batch: number[] = []
  for (const index of byLength) {
    // The last one in is the longest, and all are padded to it.
    const padded = (batch.length + 1) * tokens[index]!
    if (batch.length === BATCH_TEXTS || (batch.length > 0 && padded > BATCH_TOKENS)) {
      batches.push(batch)
      batch = []
    }
    batch.push(index)
  }
  batches.push(batch)
  return shuffled(batches)
}

/** A copy in an order that is random, and the same in every run. */
function shuffled<T>(items: readonly T[], seed = 1): T[] {
  const copy = [...items]
  let state = seed
  for (let left = copy.length; left > 1; left--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const other = Math.floor((state / 2 ** 32) * left)
    ;[copy[left - 1], copy[other]] = [copy[other]!, copy[left - 1]!]
  }
  return copy
}
