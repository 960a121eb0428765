import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { type ConversionStep, convertModel } from '../../src/convert/convert.ts'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { onnxBackend } from '../../src/engine/onnx/backend.ts'
import { writeTinyTokenizer } from '../support/tiny-tokenizer.ts'

/** What quantising costs the logits of random weights, whose errors do not cancel. */
const INT8_TOLERANCE = 0.25

const scratch = mkdtempSync(join(tmpdir(), 'valence-convert-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** A checkpoint with a tokenizer, in a folder of its own. */
function checkpoint(name: string, vocabulary: number): string {
  const folder = mkdtempSync(join(scratch, 'from-'))
  cpSync(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)), folder, { recursive: true })
  if (!existsSync(join(folder, 'tokenizer.json'))) writeTinyTokenizer(folder, vocabulary)
  return folder
}

async function converted(from: string, texts?: string[]) {
  const to = `${from}-int8`
  const steps = new Set<ConversionStep>()
  const report = await convertModel({ from, to, texts, onStep: (step) => steps.add(step), signal: never() })
  expect([...steps]).toStrictEqual(['running fp32', 'quantising', 'running INT8'])
  return { to, report }
}

function never(): AbortSignal {
  return new AbortController().signal
}

describe.each([
  ['bert', 97],
  ['distilbert-float16', 97],
  ['odd/bert-multi-label', 300],
  ['odd/distilbert-regression-in-parts', 1000],
  ['odd/bert-old-names', 50],
  ['roberta', 0],
])('the checkpoint %s', (name, vocabulary) => {
  it('gives the same network from the converted folder, bit for bit', async () => {
    const from = checkpoint(name, vocabulary)
    const { to, report } = await converted(from)
    const { golden, ...after } = readModelFolder(to)
    const { golden: none, ...before } = readModelFolder(from)
    expect(after).toStrictEqual(before)
    expect(none).toBeUndefined()
    expect(golden).toHaveLength(report.texts)
    expect(report.bytesAfter).toBeLessThan(report.bytesBefore)
    expect(readdirSync(scratch).filter((file) => file.endsWith('.converting'))).toStrictEqual([])
  })

  it('has golden texts that INT8 comes near', async () => {
    const { to, report } = await converted(checkpoint(name, vocabulary))
    const { golden, network } = readModelFolder(to)
    const backend = await onnxBackend(network)
    const answers = await backend.run(golden!)
    await backend.close()
    for (const [index, { logits }] of golden!.entries()) {
      for (const [label, logit] of logits.entries()) {
        expect(Math.abs(logit - answers[index]!.logits[label]!)).toBeLessThan(INT8_TOLERANCE)
      }
    }
    expect(report.largestScoreDifference).toBeGreaterThan(0)
    expect(report.meanScoreDifference).toBeLessThanOrEqual(report.largestScoreDifference)
    expect(report.labelAgreement === undefined).toBe(name.includes('regression'))
  })
})

it('lays weights out so that they can be mapped: floats at fours, queries, keys and values side by side', async () => {
  const { to } = await converted(checkpoint('bert', 97))
  const file = readFileSync(join(to, 'model.safetensors'))
  const headerBytes = Number(file.readBigUInt64LE())
  const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >
  expect((8 + headerBytes) % 64).toBe(0)
  for (const { dtype, data_offsets: offsets } of Object.values(header)) {
    if (dtype === 'F32') expect(offsets[0] % 4).toBe(0)
  }
  for (const layer of [0, 1, 2]) {
    for (const suffix of ['weight', 'weight_scale', 'bias']) {
      const [query, key, value] = ['query', 'key', 'value'].map(
        (part) => header[`bert.encoder.layer.${layer}.attention.self.${part}.${suffix}`]!.data_offsets,
      )
      expect(query![1]).toBe(key![0])
      expect(key![1]).toBe(value![0])
    }
  }
})

it('compares on the texts that it is given', async () => {
  const { report } = await converted(checkpoint('distilbert', 97), ['w1 w2', 'w3', 'w4 w5 w6'])
  expect(report).toMatchObject({ texts: 3, labelAgreement: 1 })
})

it('takes an empty folder, and leaves a full one alone', async () => {
  const from = checkpoint('distilbert', 97)
  mkdirSync(`${from}-int8`)
  await converted(from)
  writeFileSync(join(`${from}-int8`, 'mine.txt'), 'mine')
  await expect(converted(from)).rejects.toThrow(/is there already/)
  expect(readFileSync(join(`${from}-int8`, 'mine.txt'), 'utf8')).toBe('mine')
})

it('refuses what is INT8 already, and leaves nothing behind', async () => {
  const { to } = await converted(checkpoint('distilbert', 97))
  await expect(converted(to)).rejects.toThrow(/INT8 already/)
  expect(existsSync(`${to}-int8`)).toBe(false)
})

it('refuses a tokenizer with more words than the network, and leaves nothing behind', async () => {
  const from = checkpoint('distilbert', 500)
  await expect(converted(from, ['w450'])).rejects.toThrow(/gives the id 455; config.json has a vocab_size of 97/)
  expect(existsSync(`${from}-int8`)).toBe(false)
})

it('stops when it is told to, and leaves nothing behind', async () => {
  const from = checkpoint('distilbert', 97)
  const controller = new AbortController()
  const converting = convertModel({
    from,
    to: `${from}-int8`,
    texts: undefined,
    onStep: (step) => step === 'running INT8' && controller.abort(new Error('enough')),
    signal: controller.signal,
  })
  await expect(converting).rejects.toThrow('enough')
  expect(existsSync(`${from}-int8`)).toBe(false)
  expect(readdirSync(scratch).filter((file) => file.endsWith('.converting'))).toStrictEqual([])
})
