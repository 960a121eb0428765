import { afterEach, expect, it } from 'vitest'
import type { Engine, TextInput } from '../../src/engine/engine.ts'
import { embeddedEngine, MODEL, never } from '../support/engine.ts'

let engine: Engine
afterEach(() => engine.close())

const long = (word: string): TextInput => ({ text: `${word} `.repeat(600) })

it('refuses what does not fit, all of it, and says when to come back', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 3 })
  const running = classify([long('first')])
  await begun()
  const waiting = classify([long('second'), long('third')])
  const refused = classify([long('fourth'), long('fifth')])
  await expect(refused).rejects.toMatchObject({ code: 'busy', details: { retryAfterSeconds: 1 } })
  expect(engine.depth()).toEqual({ waiting: 2, running: 1 })
  await Promise.all([running, waiting])
  expect(engine.depth()).toEqual({ waiting: 0, running: 0 })
})

it('tells a list that can never fit so, instead of asking it to come back', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 3 })
  const texts = Array.from({ length: 4 }, () => ({ text: 'the same' }))
  await expect(classify(texts)).rejects.toMatchObject({ code: 'invalid_request' })
})

it('frees the place of a client that has gone away', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 1 })
  const running = classify([long('first')])
  await begun()
  const client = new AbortController()
  const abandoned = engine.classify(MODEL, [long('second')], { signal: client.signal })
  await begun()
  await expect(classify([long('third')])).rejects.toMatchObject({ code: 'busy' })
  client.abort(new Error('gone'))
  await expect(abandoned).rejects.toThrow('gone')
  await expect(classify([long('third')])).resolves.toHaveLength(1)
  await running
})

it('runs identical texts that are under way once', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 2 })
  const running = classify([long('first')])
  await begun()
  // Fifty requests in one place: only sharing lets them in.
  const answers = await Promise.all(Array.from({ length: 50 }, () => classify([long('same'), { text: 'Same ' }])))
  for (const answer of answers)
    expect(answer.map(({ scores }) => scores)).toStrictEqual(answers[0]!.map(({ scores }) => scores))
  await running
})

it('lets the others have their answer when one of those who share a text goes away', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 1 })
  const running = classify([long('first')])
  await begun()
  const client = new AbortController()
  const leaving = engine.classify(MODEL, [long('same')], { signal: client.signal })
  const staying = classify([long('same')])
  await begun()
  client.abort(new Error('gone'))
  await expect(leaving).rejects.toThrow('gone')
  await expect(staying).resolves.toHaveLength(1)
  await running
})

it('keeps a text that waits when somebody leaves who had the same text before', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 10 })
  const client = new AbortController()
  const done = long('shared')
  // The first text is answered while the others of the list still wait.
  const list = engine.classify(MODEL, [done, ...['a', 'b', 'c', 'd', 'e', 'f'].map(long)], { signal: client.signal })
  await begun()
  while (engine.depth().waiting > 4) await begun()
  const again = classify([done])
  await begun()
  client.abort(new Error('gone'))
  await expect(list).rejects.toThrow('gone')
  await expect(again).resolves.toHaveLength(1)
})

it('looks at no more of a text than it may cost, and says that it was cut', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 1 })
  const [whole] = await classify([{ text: `good${' '.repeat(60_000)}` }])
  const [cut] = await classify([{ text: `good${' '.repeat(70_000)}` }])
  expect([whole!.truncated, cut!.truncated]).toEqual([false, true])
  expect(cut!.scores).toEqual(whole!.scores)
})

it('rejects what waits when it closes', async () => {
  engine = await embeddedEngine({ workers: 1, maxWaiting: 1 })
  const running = classify([long('first')])
  await begun()
  const waiting = classify([long('second')])
  await begun()
  const all = Promise.allSettled([running, waiting])
  await engine.close()
  expect((await all).map((result) => (result as PromiseRejectedResult).reason.code)).toEqual([
    'shutting_down',
    'shutting_down',
  ])
})

function classify(inputs: TextInput[]) {
  return engine.classify(MODEL, inputs, { signal: never() })
}

/** Lets a request that was just made reach the queue. */
function begun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
