/**
 * Writes a fine-tuned checkpoint as INT8, under the same names: `node training/quantise.ts <fp32 folder> <out folder>`.
 *
 * What the encoder multiplies by, and the word embeddings, become INT8 with one scale a row (`….weight_scale`); the rest
 * stays as it is. The engine reads either form by the same code.
 */
import { Buffer } from 'node:buffer'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quantiseRows } from '../src/convert/quantise.ts'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../src/convert/safetensors.ts'

const QUANTISED = /(\.layer\.\d+\..*(query|key|value|dense)|word_embeddings)\.weight$/

const [from, to] = process.argv.slice(2)
if (!from || !to) throw new Error('usage: node training/quantise.ts <fp32 folder> <out folder>')

mkdirSync(to, { recursive: true })
const config = JSON.parse(readFileSync(join(from, 'config.json'), 'utf8'))
writeFileSync(join(to, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
const tensors = readSafetensors(readFileSync(join(from, 'model.safetensors')))
writeFileSync(join(to, 'model.safetensors'), writeSafetensors(new Map([...tensors].flatMap(stored))))

function stored([name, tensor]: [string, StoredTensor]): [string, StoredTensor][] {
  if (!QUANTISED.test(name)) return [[name, tensor]]
  const [rows, columns] = tensor.shape as [number, number]
  const bytes = Buffer.from(tensor.bytes)
  const { weights, scales } = quantiseRows(new Float32Array(new Uint8Array(bytes).buffer), rows, columns)
  return [
    [name, { dtype: 'I8', shape: [rows, columns], bytes: new Uint8Array(weights.buffer) }],
    [`${name}_scale`, { dtype: 'F32', shape: [rows, 1], bytes: new Uint8Array(scales.buffer) }],
  ]
}
