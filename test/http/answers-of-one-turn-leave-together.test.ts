import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { sendTogether } from '../../src/http/send-together.ts'

let app: FastifyInstance
afterEach(() => app.close())

/** An app whose requests all wait until as many are there, and then are answered in one turn; `events` says what happens to them. */
async function listen({ atOnce, together }: { atOnce: number; together: boolean }) {
  const events: string[] = []
  const waiting: (() => void)[] = []
  app = Fastify({ forceCloseConnections: true })
  if (together) sendTogether(app)
  app.get('/:name', async (request, reply) => {
    const { name } = request.params as { name: string }
    await new Promise<void>((go) => {
      if (waiting.push(go) === atOnce) for (const each of waiting.splice(0)) setImmediate(each)
    })
    if (name === 'fails') throw new Error('as it is meant to')
    const { raw } = reply
    const end = raw.end.bind(raw)
    raw.end = ((chunk: string) => {
      events.push('sent')
      return end(chunk)
    }) as typeof raw.end
    events.push('made')
    return { name }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    events,
    ask: (name: string, signal?: AbortSignal) => fetch(`http://127.0.0.1:${port}/${name}`, { signal: signal ?? null }),
  }
}

async function answersOf(responses: Promise<Response>[]) {
  return Promise.all(responses.map(async (response) => (await response).json()))
}

test('all answers of a turn are made before the first is sent', async () => {
  const { events, ask } = await listen({ atOnce: 3, together: true })
  expect(await answersOf(['a', 'b', 'c'].map((name) => ask(name)))).toEqual([
    { name: 'a' },
    { name: 'b' },
    { name: 'c' },
  ])
  expect(events).toEqual(['made', 'made', 'made', 'sent', 'sent', 'sent'])
})

test('without it each is sent as it is made', async () => {
  const { events, ask } = await listen({ atOnce: 3, together: false })
  await answersOf(['a', 'b', 'c'].map((name) => ask(name)))
  expect(events).toEqual(['made', 'sent', 'made', 'sent', 'made', 'sent'])
})

test('one that fails or whose client has gone keeps no other back', async () => {
  const { ask } = await listen({ atOnce: 4, together: true })
  const gone = new AbortController()
  const first = ask('a')
  const left = ask('b', gone.signal)
  const failed = ask('fails')
  await new Promise((sent) => setTimeout(sent, 50))
  gone.abort()
  await expect(left).rejects.toThrow()
  expect(await answersOf([first, failed, ask('c')])).toMatchObject([{ name: 'a' }, { statusCode: 500 }, { name: 'c' }])
})
