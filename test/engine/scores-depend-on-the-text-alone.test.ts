import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { embeddedEngine, MODEL, never, variousTexts } from '../support/engine.ts'

let engine: Engine
beforeAll(async () => {
  engine = await embeddedEngine()
})
afterAll(() => engine.close())

it('gives the same bits alone, in a list and under load', async () => {
  const texts = variousTexts(120)
  const alone: number[][] = []
  for (const text of texts) alone.push(...(await scores([text])))

  expect(await scores(texts)).toStrictEqual(alone)
  expect(await scores(texts.toReversed())).toStrictEqual(alone.toReversed())
  const crowd = await Promise.all(
    [0, 1, 2].flatMap(() => shuffled(texts).map(async (text) => ({ text, got: await scores([text]) }))),
  )
  for (const { text, got } of crowd) expect(got[0]).toStrictEqual(alone[texts.indexOf(text)])
})

it('gives the same bits with one worker and with three', async () => {
  const texts = variousTexts(40)
  const expected = await scores(texts)
  for (const workers of [1, 3]) {
    const other = await embeddedEngine({ workers })
    const results = await other.classify(
      MODEL,
      texts.map((text) => ({ text })),
      { signal: never(), activation: 'none' },
    )
    await other.close()
    expect(results.map((result) => result.scores.map(({ score }) => score))).toStrictEqual(expected)
  }
})

async function scores(texts: string[]): Promise<number[][]> {
  const results = await engine.classify(
    MODEL,
    texts.map((text) => ({ text })),
    { signal: never(), activation: 'none' },
  )
  return results.map((result) => result.scores.map(({ score }) => score))
}

function shuffled<T>(list: T[]): T[] {
  return list
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
