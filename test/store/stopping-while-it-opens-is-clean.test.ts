import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startTestServer } from '../support/server.ts'

// The store opens beside the server, for a second or two on an empty folder; a stop may come at any moment of it.
it.each([0, 300, 900, 2000])('exits with 0 and without an error, %i ms after it is ready', async (afterMs) => {
  const server = await startTestServer()
  await setTimeout(afterMs)
  expect(await server.stop()).toBe(0)
  expect(server.output()).not.toMatch(/"level":[56]0/)
})
