import { setTimeout } from 'node:timers/promises'
import { Client, type ClientConfig } from 'pg'
import { createNotifications, type Notifications } from './notifications.ts'

/**
 * The connection to a PostgreSQL server that hears notifications. It is opened when somebody first listens, and opened again
 * when it breaks.
 *
 * none → connecting → heard → (broken → pause → connecting) → closed
 */
export type HearingConnection = Pick<Notifications, 'listen'> & {
  /** whether it broke, and has not been opened again */
  isBroken(): boolean
  close(): Promise<void>
}

/** Pauses before it connects again, in ms; the last one stays. */
const RECONNECT_MS = [500, 1000, 2000, 5000, 10_000]

/** A connection that died without a word is noticed by the system's own probes, which begin after this long, in ms. */
const KEEP_ALIVE_MS = 10_000

export function createHearingConnection(config: ClientConfig, onTrouble: (error: Error) => void): HearingConnection {
  const closing = new AbortController()
  const notifications = createNotifications(async (statement) => (await current()).query(statement))
  let client: Promise<Client> | undefined
  let isBroken = false

  function current(): Promise<Client> {
    client ??= connect().catch((error: unknown) => {
      client = undefined
      throw error
    })
    return client
  }

  async function connect(): Promise<Client> {
    closing.signal.throwIfAborted()
    const fresh = new Client({ ...config, keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS })
    let heard = false
    fresh.on('error', (error) => heard && onTrouble(error))
    fresh.once('end', () => {
      if (heard) void reconnect()
    })
    try {
      await fresh.connect()
      await notifications.attach(fresh)
    } catch (error) {
      await fresh.end().catch(() => {})
      throw error
    }
    heard = true
    isBroken = false
    return fresh
  }

  async function reconnect(): Promise<void> {
    client = undefined
    isBroken = true
    for (let tries = 0; !closing.signal.aborted; tries++) {
      const pauseMs = RECONNECT_MS[Math.min(tries, RECONNECT_MS.length - 1)]!
      try {
        await setTimeout(pauseMs, undefined, { signal: closing.signal, ref: false })
        await current()
        return
      } catch (error) {
        if (!closing.signal.aborted) onTrouble(error as Error)
      }
    }
  }

  return {
    listen: notifications.listen,
    isBroken: () => isBroken,
    async close() {
      closing.abort()
      const open = await client?.catch(() => undefined)
      await open?.end()
    },
  }
}
