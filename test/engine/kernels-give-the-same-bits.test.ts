import { expect, it } from 'vitest'
import type { EncodedText } from '../../src/engine/backend.ts'
import { type Addon, loadAddon } from '../../src/engine/native/addon.ts'
import { createNativePool } from '../../src/engine/native/pool.ts'
import { onnxBackend } from '../../src/engine/onnx/backend.ts'
import { embeddedModel, variousTexts } from '../support/engine.ts'

const addon = loadAddon()
const RANDOM_PACKS = Number(process.env.VALENCE_RANDOM_PACKS ?? 300)

/**
 * Attention is in integers in the kernels and in floats in ONNX Runtime's graph, and a number that rounds the other way
 * moves others behind it: on the texts here the logits, which go from -4 to 4, differ by 0.03 in the mean.
 */
const MEAN_DIFFERENCE = 0.06
const LARGEST_DIFFERENCE = 0.6

it.skipIf(!addon)('of every kernel this machine has, alone, together, with one thread and with three', async () => {
  const { network, encode } = embeddedModel()
  const texts = variousTexts(60).map(encode)
  const expected = await logitsOf(addon!, addon!.kernels()[0]!, 1, texts)
  for (const kernels of addon!.kernels()) {
    for (const threads of [1, 3]) {
      expect(await logitsOf(addon!, kernels, threads, texts), `${kernels}, ${threads} threads`).toEqual(expected)
    }
  }

  async function logitsOf(native: Addon, kernels: string, threads: number, all: EncodedText[]): Promise<number[][]> {
    const pool = createNativePool(native, { kernels, threads, onIdle: () => {} })
    await pool.load('m', network)
    const together = await pool.run('m', all)
    const alone = await Promise.all(all.map(async (text) => (await pool.run('m', [text]))[0]!))
    await pool.close()
    expect(alone.map(({ logits }) => [...logits])).toEqual(together.map(({ logits }) => [...logits]))
    return together.map(({ logits }) => [...logits])
  }
})

it.skipIf(!addon)(
  `in ${RANDOM_PACKS} random packs (VALENCE_RANDOM_PACKS)`,
  async () => {
    const { network, encode } = embeddedModel()
    const texts = variousTexts(200).map(encode)
    const pool = createNativePool(addon!, { kernels: addon!.kernels()[0]!, threads: 2, onIdle: () => {} })
    await pool.load('m', network)
    const alone: string[] = []
    for (const text of texts) alone.push(bits((await pool.run('m', [text]))[0]!.logits))
    let state = 1
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return Math.floor((state / 2 ** 31) * below)
    }
    for (let done = 0; done < RANDOM_PACKS; done += 2) {
      const packs = [0, 1].map(() => Array.from({ length: 1 + random(12) }, () => random(texts.length)))
      const answers = await Promise.all(
        packs.map((pack) =>
          pool.run(
            'm',
            pack.map((text) => texts[text]!),
          ),
        ),
      )
      packs.forEach((pack, p) => {
        expect(answers[p]!.map(({ logits }) => bits(logits))).toEqual(pack.map((text) => alone[text]!))
      })
    }
    await pool.close()
  },
  1_000_000,
)

it.skipIf(!addon)('and all but those of ONNX Runtime', async () => {
  const { network, encode } = embeddedModel()
  const texts = variousTexts(60).map(encode)
  const pool = createNativePool(addon!, { kernels: addon!.kernels()[0]!, threads: 1, onIdle: () => {} })
  await pool.load('m', network)
  const native = (await pool.run('m', texts)).flatMap(({ logits }) => [...logits])
  const onnx = (await (await onnxBackend(network)).run(texts)).flatMap(({ logits }) => [...logits])
  await pool.close()
  const differences = native.map((logit, index) => Math.abs(logit - onnx[index]!))
  expect(Math.max(...differences)).toBeLessThan(LARGEST_DIFFERENCE)
  expect(differences.reduce((sum, difference) => sum + difference, 0) / differences.length).toBeLessThan(
    MEAN_DIFFERENCE,
  )
})

it.skipIf(addon)('skipped: the native kernels are not built here (node native/build.mjs says why)', () => {})

function bits(logits: Float32Array): string {
  return [...new Uint32Array(logits.slice().buffer)].join(' ')
}
