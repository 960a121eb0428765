import type { ClientBase } from 'pg'

/** Hears what is said on a channel, until it is closed. */
export type Subscription = { close(): Promise<void> }

type Listener = {
  onPayload: (payload: string) => void
  /** told whenever the channel begins to be heard: at first, and after a break, in which something may have been missed */
  onConnected: () => void
}

/** A connection that is attached tells its listeners; whoever comes to one that is there already has to be told. */
type Listening = Listener & { told: boolean }

/** Who listens to what. The two stores differ in the connection that hears. */
export type Notifications = {
  listen(channel: string, listener: Listener): Promise<Subscription>
  /** Makes this connection the one that hears, in place of one that is gone. */
  attach(client: ClientBase): Promise<void>
}

/** PostgreSQL cuts longer names, and then nobody hears anything. */
const MAX_CHANNEL_BYTES = 63

/** @param execute runs a statement on the connection that hears; it attaches one first where there is none */
export function createNotifications(execute: (statement: string) => Promise<unknown>): Notifications {
  const channels = new Map<string, Set<Listening>>()
  return {
    async listen(channel, { onPayload, onConnected }) {
      if (Buffer.byteLength(channel) > MAX_CHANNEL_BYTES)
        throw new RangeError(`a channel's name has at most ${MAX_CHANNEL_BYTES} bytes: ${channel}`)
      // Statements wait for their turn, so that a listener who comes while another goes is heard.
      const listeners = channels.get(channel) ?? new Set()
      const listener: Listening = { onPayload, onConnected, told: false }
      channels.set(channel, listeners.add(listener))
      try {
        await execute(`LISTEN ${quoted(channel)}`)
      } catch (error) {
        listeners.delete(listener)
        throw error
      }
      if (!listener.told) tell(listener)
      return {
        async close() {
          listeners.delete(listener)
          if (listeners.size === 0) await execute(`UNLISTEN ${quoted(channel)}`)
        },
      }
    },
    async attach(client) {
      client.on('notification', ({ channel, payload = '' }) => {
        for (const { onPayload } of channels.get(channel) ?? []) onPayload(payload)
      })
      const heard = [...channels].filter(([, listeners]) => listeners.size > 0)
      for (const [channel] of heard) await client.query(`LISTEN ${quoted(channel)}`)
      for (const [, listeners] of heard) for (const listener of listeners) tell(listener)
    },
  }
}

function tell(listener: Listening): void {
  listener.told = true
  listener.onConnected()
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
