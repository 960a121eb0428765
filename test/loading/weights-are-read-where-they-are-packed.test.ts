import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFile } from '../../src/convert/byte-source.ts'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { readSafetensors } from '../../src/convert/safetensors.ts'
import { loadAddon } from '../../src/engine/native/addon.ts'
import type { Network, QuantizedTable } from '../../src/engine/network.ts'
import { createPools, type Pools } from '../../src/engine/pools.ts'
import { beginModel } from '../../src/loading/read-model.ts'

const EMBEDDED = new URL('../../models/minilm-sst-2-int8/', import.meta.url).pathname
const MATRIX = 'bert.encoder.layer.3.intermediate.dense.weight'

const addon = loadAddon()
if (!addon) console.log('skipped: the native kernels, which are not built here')
const BACKENDS = addon ? (['native', 'onnxruntime'] as const) : (['onnxruntime'] as const)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valence-unread-'))
  cpSync(EMBEDDED, folder, { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

const weightsFile = () => join(folder, 'model.safetensors')

/** Where a tensor begins in the file. */
function placeOf(name: string): number {
  const file = openFile(weightsFile())
  try {
    return readSafetensors(file).get(name)!.place!.at
  } finally {
    file.close()
  }
}

function matricesOf({ layers, wordEmbeddings }: Network): QuantizedTable[] {
  const ofLayers = layers.flatMap((layer) => [layer.queryKeyValue, layer.attentionOutput, layer.expand, layer.contract])
  return [wordEmbeddings, ...ofLayers]
}

function bytesOf({ buffer, byteOffset, length }: Int8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}

async function withPools<T>(backend: 'native' | 'onnxruntime', use: (pools: Pools) => Promise<T>): Promise<T> {
  const onFailure = (error: Error) => expect.unreachable(error.message)
  const pools = createPools({ backend, addon, threads: 1, onFailure, onIdle() {} })
  try {
    return await use(pools)
  } finally {
    await pools.close()
  }
}

function load(pools: Pools, files: ReturnType<typeof beginModel>) {
  return pools
    .load('m', files.network, { unread: files.unread, golden: files.golden!, whileServing: false })
    .finally(files.close)
}

describe('a model whose reading has begun', () => {
  it('lacks its INT8 matrices and nothing else, and has them when the rest is read', () => {
    const whole = readModelFolder(folder)
    const files = beginModel(folder)
    expect(files.golden).toEqual(whole.golden)
    const unread = matricesOf(files.network as Network)
    expect(files.unread!.pieces.reduce((sum, { into }) => sum + into.length, 0)).toBe(
      unread.reduce((sum, { weights }) => sum + weights.length, 0),
    )
    expect(unread.every(({ weights }) => weights.every((weight) => weight === 0))).toBe(true)
    files.unread!.read()
    files.close()
    // Compared as bytes first: element by element, 22 million weights take seconds.
    for (const [index, { weights }] of matricesOf(whole.network).entries()) {
      expect(Buffer.compare(bytesOf(unread[index]!.weights), bytesOf(weights))).toBe(0)
      unread[index]!.weights = weights
    }
    expect(files.network).toEqual(whole.network)
  })

  describe.each(BACKENDS)('on %s', (backend) => {
    it('gives the bits of one that was read before', async () => {
      const run = (files: ReturnType<typeof beginModel>) =>
        withPools(backend, async (pools) => {
          await load(pools, files)
          return pools.run('m', [...files.golden!])
        })
      const logits = (answers: Awaited<ReturnType<typeof run>>) => answers.map((answer) => [...answer.logits])
      const read = await run({ ...readModelFolder(folder), close() {} })
      expect(logits(await run(beginModel(folder)))).toEqual(logits(read))
    })

    it('is refused where a weight is −128, by the name of the tensor', async () => {
      const bytes = readFileSync(weightsFile())
      bytes[placeOf(MATRIX) + 77] = 0x80
      writeFileSync(weightsFile(), bytes)
      await withPools(backend, (pools) =>
        expect(load(pools, beginModel(folder))).rejects.toThrow(
          `${weightsFile()}: tensor ${MATRIX}: has a weight of −128`,
        ),
      )
    })

    it('is refused where the file has become shorter since, by the name of the file', async () => {
      const files = beginModel(folder)
      truncateSync(weightsFile(), placeOf(MATRIX) + 5)
      await withPools(backend, (pools) =>
        expect(load(pools, files)).rejects.toThrow(
          /model\.safetensors: tensor \S+: the file ends before what it announces/,
        ),
      )
    })
  })
})
