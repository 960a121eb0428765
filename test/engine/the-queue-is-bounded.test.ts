import { beforeEach, expect, it } from 'vitest'
import type { EncodedText, PackAnswer } from '../../src/engine/backend.ts'
import { type Batcher, createBatcher, type JobResult } from '../../src/engine/batcher.ts'
import type { QueuedText } from '../../src/engine/queued-text.ts'
import { embeddedEngine, MODEL, never } from '../support/engine.ts'

/** One worker, moved by hand: a real one is done in milliseconds, and no test could say what waits meanwhile. */
let busy: { pack: EncodedText[]; finish: (answers: PackAnswer[]) => void; fail: (error: Error) => void } | undefined
let packs: number[]
let batcher: Batcher

beforeEach(() => {
  busy = undefined
  packs = []
  batcher = createBatcherOf({ maxWaiting: 3, maxWaitingTokens: 1000 })
})

function createBatcherOf(bounds: { maxWaiting: number; maxWaitingTokens: number }): Batcher {
  return createBatcher({
    ...bounds,
    pool: {
      canTake: () => busy === undefined,
      run: (_, pack) =>
        new Promise((finish, fail) => {
          packs.push(pack.length)
          busy = { pack, finish, fail }
        }),
    },
  })
}

it('refuses what does not fit, all of it, and says when to come back', async () => {
  const running = submit('a')
  const waiting = submit('b', 'c')
  const refused = submit('d', 'e')
  await expect(refused).rejects.toMatchObject({ code: 'busy', details: { retryAfterSeconds: 1 } })
  expect(batcher.depth()).toMatchObject({ waiting: 2, running: 1 })
  await finishAll()
  expect([await running, await waiting]).toEqual([['a'], ['b', 'c']])
  expect(batcher.depth()).toMatchObject({ waiting: 0, running: 0 })
})

it('refuses before a text is read, where nothing more can wait', async () => {
  const running = submit('a')
  expect(batcher.whyFull()).toBeUndefined()
  const waiting = submit('b', 'c', 'd')
  expect(batcher.whyFull()).toMatchObject({ code: 'busy' })
  await finishAll()
  await Promise.all([running, waiting])
})

it('bounds the tokens that wait, and says so of a request that could never wait', async () => {
  batcher = createBatcherOf({ maxWaiting: 100, maxWaitingTokens: 600 })
  const running = submit('a')
  const waiting = submit('b', 'c')
  await expect(submit('d')).rejects.toMatchObject({ code: 'busy' })
  await expect(submit('d', 'e', 'f')).rejects.toMatchObject({ code: 'invalid_request' })
  await finishAll()
  expect([await running, await waiting]).toEqual([['a'], ['b', 'c']])
})

it('packs texts of like length, the oldest first, and lets none starve', async () => {
  batcher = createBatcherOf({ maxWaiting: 100, maxWaitingTokens: 10_000 })
  const running = submit('a')
  const lengths = [8, 300, 10, 16, 100, 32, 33]
  const answers = Promise.all(lengths.map((length) => batcher.submit([ofLength(length)], new AbortController().signal)))
  const taken: number[][] = []
  await finishOne()
  while (busy) {
    taken.push(busy.pack.map(({ ids }) => ids.length))
    await finishOne()
  }
  // 8 takes what has at most four times its tokens; then 300 is the oldest, with which 100 is too much for one pack.
  expect(taken).toEqual([[8, 10, 16, 32], [300], [100, 33]])
  await Promise.all([running, answers])
})

it('runs background texts when no other waits, by bounds of their own, and in packs of their own', async () => {
  const inBackground = (...letters: string[]) =>
    batcher.submit(letters.map(asText), new AbortController().signal, { lane: 'background' }).then(lettersOf)
  const running = submit('a')
  const background = inBackground('b', 'c', 'd')
  await expect(inBackground('e')).rejects.toMatchObject({ code: 'busy' })
  // As many as if there were no others, though one is the same text.
  const interactive = submit('x', 'y', 'b')
  expect(batcher.depth()).toEqual({ waiting: 3, waitingInBackground: 3, running: 1 })
  const order: string[] = []
  while (busy) {
    order.push(String.fromCodePoint(busy.pack[0]!.ids[0]!))
    await finishOne()
  }
  expect(order.join('')).toBe('axybbcd')
  expect(await Promise.all([running, interactive, background])).toEqual([['a'], ['x', 'y', 'b'], ['b', 'c', 'd']])
})

it('frees the place of a client that has gone away, and does not run its text', async () => {
  void submit('a')
  const client = new AbortController()
  const abandoned = submitFor(client, 'b', 'c', 'd')
  await expect(submit('e')).rejects.toMatchObject({ code: 'busy' })
  client.abort(new Error('gone'))
  await expect(abandoned).rejects.toThrow('gone')
  const next = submit('e')
  await finishAll()
  expect(await next).toEqual(['e'])
  expect(packs).toEqual([1, 1])
})

it('runs identical texts that are under way once, waiting or running', async () => {
  const answers = Array.from({ length: 50 }, () => submit('a', 'b', 'a'))
  expect(batcher.depth()).toMatchObject({ waiting: 1, running: 1 })
  await finishAll()
  for (const answer of await Promise.all(answers)) expect(answer).toEqual(['a', 'b', 'a'])
  expect(packs).toEqual([1, 1])
})

it('lets the others have their answer when one of those who share a text goes away', async () => {
  void submit('a')
  const client = new AbortController()
  const leaving = submitFor(client, 'b')
  const staying = submit('b')
  client.abort(new Error('gone'))
  await expect(leaving).rejects.toThrow('gone')
  await finishAll()
  expect(await staying).toEqual(['b'])
})

it('keeps a text that waits when somebody leaves who had the same text before', async () => {
  const client = new AbortController()
  const list = submitFor(client, 'a', 'b')
  await finishOne() // 'a' is answered, 'b' runs
  const again = submit('a') // a new job of the same text
  client.abort(new Error('gone'))
  await expect(list).rejects.toThrow('gone')
  await finishAll()
  expect(await again).toEqual(['a'])
})

it('tells every client of a pack that failed, and goes on', async () => {
  const first = submit('a')
  const second = submit('b')
  busy!.fail(new Error('kernel trouble'))
  await expect(first).rejects.toMatchObject({ code: 'internal' })
  busy = undefined
  batcher.dispatch()
  await finishAll()
  expect(await second).toEqual(['b'])
})

it('rejects what waits and what comes when it is closed', async () => {
  const running = submit('a')
  const waiting = submit('b')
  batcher.close()
  await expect(waiting).rejects.toMatchObject({ code: 'shutting_down' })
  await expect(submit('c')).rejects.toMatchObject({ code: 'shutting_down' })
  await finishAll()
  expect(await running).toEqual(['a'])
})

it('bounds the texts of a request, however alike they are, before it reads them', async () => {
  const engine = await embeddedEngine({ workers: 1, maxWaiting: 3 })
  const request = engine.classify(
    MODEL,
    Array.from({ length: 4 }, () => ({ text: 'the same' })),
    { signal: never() },
  )
  await expect(request).rejects.toMatchObject({ code: 'invalid_request' })
  await engine.close()
})

it('looks at no more of a text than it may cost, and says that it was cut', async () => {
  const engine = await embeddedEngine({ workers: 1, maxWaiting: 2 })
  const texts = [60_000, 70_000].map((spaces) => ({ text: `good${' '.repeat(spaces)}` }))
  const [whole, cut] = await engine.classify(MODEL, texts, { signal: never() })
  expect([whole!.truncated, cut!.truncated]).toEqual([false, true])
  expect(cut!.scores).toEqual(whole!.scores)
  await engine.close()
})

/** Submits one-letter texts, each as long as a pack; resolves to the letters that the answers are for. */
async function submit(...letters: string[]): Promise<string[]> {
  return submitFor(new AbortController(), ...letters)
}

async function submitFor(client: AbortController, ...letters: string[]): Promise<string[]> {
  return lettersOf(await batcher.submit(letters.map(asText), client.signal))
}

function lettersOf(results: readonly JobResult[]): string[] {
  return results.map(({ logits }) => String.fromCodePoint(logits[0]!))
}

function ofLength(length: number): QueuedText {
  return {
    modelId: 'm',
    sharedAmong: '',
    encoded: { ids: new Int32Array(length), typeIds: new Int32Array(length) },
  }
}

function asText(letter: string): QueuedText {
  const ids = new Int32Array(256).fill(letter.codePointAt(0)!)
  return { modelId: 'm', sharedAmong: '', encoded: { ids, typeIds: new Int32Array(256) } }
}

/** Ends the pack that runs; each text's answer is its own letter. */
async function finishOne(): Promise<void> {
  const { pack, finish } = busy!
  busy = undefined
  finish(pack.map(({ ids }) => ({ logits: Float32Array.of(ids[0]!), inferenceMs: 1 })))
  await new Promise((resolve) => setImmediate(resolve))
  batcher.dispatch()
}

async function finishAll(): Promise<void> {
  while (busy) await finishOne()
}
