import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { Tokenizer as JavaScriptPort } from '@huggingface/tokenizers'
import type { WordPieceDefinition } from '../src/engine/tokenizer/definition.ts'
import { readDefinition } from '../src/engine/tokenizer/files.ts'
import { createTokenizer, tokenizerWith } from '../src/engine/tokenizer/tokenizer.ts'
import { readUsage } from '../src/engine/tokenizer/usage.ts'
import { createWordPieceText } from '../src/engine/tokenizer/wordpiece-text.ts'

/**
 * Measures how many texts a second the tokenizers read, in interleaved rounds, and how long one takes to be made.
 *
 *   node bench/tokenizer.ts --sst2 <GLUE's dev.tsv> --reviews <gzipped JSON lines> [--rounds 15]
 *
 * The npm package @huggingface/tokenizers does not truncate: it reads all of a text, the others what 512 tokens need.
 */
const WORDPIECE = new URL('../models/minilm-sst-2-int8/tokenizer.json', import.meta.url)
const BYTE_LEVEL = new URL('../test/engine/tokenizer/byte-level/fixtures/tokenizer.json', import.meta.url)
const MAX_TOKENS = 512
/** Long enough for the clock, and short enough for the contestants to take turns often. */
const ROUND_MS = 150
const STARTS = 15

type Contestant = { name: string; encode: (text: string) => { ids: ArrayLike<number> } }

function contestants(): Contestant[] {
  const wordPiece = JSON.parse(readFileSync(WORDPIECE, 'utf8'))
  const byteLevel = JSON.parse(readFileSync(BYTE_LEVEL, 'utf8'))
  const definition = readDefinition({ tokenizerJson: wordPiece })
  const longWay = tokenizerWith(
    createWordPieceText(definition.text as WordPieceDefinition),
    definition,
    MAX_TOKENS,
    readUsage(undefined, wordPiece),
  )
  const shortcut = createTokenizer({ tokenizerJson: wordPiece }, { maxTokens: MAX_TOKENS })
  const bytePairs = createTokenizer({ tokenizerJson: byteLevel }, { maxTokens: MAX_TOKENS })
  const wordPiecePort = new JavaScriptPort(wordPiece, {})
  const byteLevelPort = new JavaScriptPort(byteLevel, {})
  return [
    { name: 'WordPiece, the long way', encode: longWay.encode },
    { name: 'WordPiece, with the shortcut', encode: shortcut.encode },
    { name: 'WordPiece, @huggingface/tokenizers', encode: (text) => wordPiecePort.encode(text) },
    { name: 'byte-level BPE (3,000 merges)', encode: bytePairs.encode },
    { name: 'byte-level BPE, @huggingface/tokenizers', encode: (text) => byteLevelPort.encode(text) },
  ]
}

/** Texts a second over as many passes as fill a round. */
function rate({ encode }: Contestant, texts: readonly string[]): number {
  const start = performance.now()
  let read = 0
  while (performance.now() - start < ROUND_MS) encode(texts[read++ % texts.length]!)
  return read / ((performance.now() - start) / 1000)
}

function compare(name: string, texts: readonly string[], rounds: number): void {
  const all = contestants()
  const rates = all.map((): number[] => [])
  for (let round = 0; round <= rounds; round++) {
    all.forEach((contestant, index) => {
      const found = rate(contestant, texts)
      // The first round is for the compiler and the caches.
      if (round > 0) rates[index]!.push(found)
    })
  }
  const base = median(rates[0]!)
  console.log(`\n${name}: ${texts.length} texts, ${rounds} rounds, texts a second: median (lowest to highest)`)
  all.forEach((contestant, index) => {
    const found = rates[index]!
    const range = `${whole(Math.min(...found))} to ${whole(Math.max(...found))}`
    const ratio = (median(found) / base).toFixed(2)
    console.log(`${contestant.name.padEnd(42)}${whole(median(found)).padStart(9)} (${range}), ${ratio} × the first`)
  })
}

/** Milliseconds from the bytes of tokenizer.json to the first ids, in a process that has done nothing before. */
function measureStart(): number {
  const start = performance.now()
  const tokenizerJson = JSON.parse(readFileSync(WORDPIECE, 'utf8'))
  createTokenizer({ tokenizerJson }, { maxTokens: MAX_TOKENS }).encode('A gorgeous, witty, seductive movie.')
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

const { values } = parseArgs({
  options: {
    sst2: { type: 'string' },
    reviews: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    'measure-start': { type: 'boolean', default: false },
  },
})
if (values['measure-start']) {
  console.log(measureStart())
} else {
  console.log(`${cpus()[0]?.model}, Node ${process.version}`)
  const self = fileURLToPath(import.meta.url)
  const starts = Array.from({ length: STARTS }, () =>
    Number(execFileSync(process.execPath, [self, '--measure-start'], { encoding: 'utf8' })),
  )
  const range = `${Math.min(...starts).toFixed(1)} to ${Math.max(...starts).toFixed(1)}`
  console.log(`reading tokenizer.json (30,522 words) and a first text: ${median(starts).toFixed(1)} ms (${range})`)
  const rounds = Number(values.rounds)
  if (values.sst2 !== undefined) {
    const lines = readFileSync(values.sst2, 'utf8').trimEnd().split('\n').slice(1)
    compare(
      'SST-2 dev sentences',
      lines.map((line) => line.slice(line.indexOf('\t') + 1)),
      rounds,
    )
  }
  if (values.reviews !== undefined) {
    const lines = gunzipSync(readFileSync(values.reviews)).toString('utf8').trimEnd().split('\n')
    compare(
      'long reviews',
      lines.map((line) => (JSON.parse(line) as { text: string }).text),
      rounds,
    )
  }
}
