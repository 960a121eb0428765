import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { type Addon, loadAddon } from '../../src/engine/native/addon.ts'
import { createPools, type Pools } from '../../src/engine/pools.ts'

const addon = loadAddon()
const { network, golden } = readModelFolder(fileURLToPath(new URL('../../models/minilm-sst-2-int8/', import.meta.url)))

function open(kernels: Addon | undefined): { pools: Pools; failures: Error[] } {
  const failures: Error[] = []
  const onFailure = (error: Error) => void failures.push(error)
  return { pools: createPools({ backend: 'auto', addon: kernels, threads: 2, onFailure, onIdle: () => {} }), failures }
}

/** The real kernels, whose answers something spoils on the way. */
function spoiling(spoil: (logits: Float32Array, lengths: Int32Array) => void): Addon {
  return {
    ...addon!,
    async run(pool, model, lengths, ids, typeIds) {
      const answer = await addon!.run(pool, model, lengths, ids, typeIds)
      spoil(answer.logits, lengths)
      return answer
    },
  }
}

it.skipIf(!addon)('the kernels answer where they pass', async () => {
  const { pools, failures } = open(addon)
  expect(await pools.load('m', network, { golden: golden!, whileServing: false })).toBe(addon!.kernels()[0])
  expect(failures).toEqual([])
  await pools.close()
})

it.skipIf(!addon).each([
  ['other numbers', (logits: Float32Array) => void logits.fill(9), /differ from those in floats/],
  ['not a number', (logits: Float32Array) => void logits.fill(Number.NaN, 0, 1), /differ from those in floats/],
  [
    'other numbers in a pack',
    (logits: Float32Array, lengths: Int32Array) => {
      if (lengths.length > 1) logits[0]! += 0.001
    },
    /other logits alone than in a pack/,
  ],
])('%s: ONNX Runtime takes over, and it is said', async (_, spoil, message) => {
  const { pools, failures } = open(spoiling(spoil))
  expect(await pools.load('m', network, { golden: golden!, whileServing: false })).toBe('onnxruntime')
  expect(failures.map((error) => error.message)).toEqual([expect.stringMatching(message)])
  expect(pools.canTake('m')).toBe(true)
  const [answer] = await pools.run('m', [golden![0]!])
  expect(Math.abs(answer!.logits[0]! - golden![0]!.logits[0]!)).toBeLessThan(0.5)
  await pools.close()
})

it('where no backend gives what the golden texts say, the model does not load', async () => {
  const wrong = golden!.map((text) => ({ ...text, logits: text.logits.map((logit) => -logit) }))
  const { pools } = open(undefined)
  await expect(pools.load('m', network, { golden: wrong, whileServing: false })).rejects.toThrow(/cannot be trusted/)
  await pools.close()
})

it.skipIf(addon)('skipped: the native kernels are not built here (node native/build.mjs says why)', () => {})
