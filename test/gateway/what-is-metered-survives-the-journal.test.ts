import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMeter, type Meter } from '../../src/gateway/meter.ts'
import { openUsageJournal } from '../../src/gateway/usage-journal.ts'
import type { UsageRecord } from '../../src/store/usage.ts'
import { temporaryFolder } from '../support/data-dir.ts'

const CALL = { requestId: 'r', accountId: 'a', status: 'ok', texts: 1 } as UsageRecord

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A meter whose store keeps what it takes in a set. */
function meterInto(taken: Set<string>): Meter {
  return createMeter({
    journal: openUsageJournal(folder),
    insert: async (records) => {
      for (const { id } of JSON.parse(records) as UsageRecord[]) taken.add(id)
    },
    onFailure: (error) => {
      throw error
    },
  })
}

/** What a process leaves that was killed: its segments, and a lock that nobody holds. */
function leaveBehind(owner: string, text: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${owner}.lock`), '')
  appendFileSync(join(folder, `${owner}.0.jsonl`), text)
}

const line = (id: string) => `${JSON.stringify({ ...CALL, id })}\n`

describe('the next to start', () => {
  it('takes over what is whole, whatever lies between: what a full disk or a power cut tore is passed over', async () => {
    leaveBehind('ab', `${line('one')}{"id":"torn${line('two')}\0\0\0\0\n${line('three')}{"id":"cut`)
    const taken = new Set<string>()
    const meter = meterInto(taken)
    await meter.start()
    expect([...taken].toSorted()).toEqual(['one', 'three'])
    await meter.stop()
    // Nothing is left of the dead but its lock, which the one after removes.
    const next = meterInto(taken)
    await next.start()
    await next.stop()
    expect(readdirSync(folder)).toEqual([])
  })

  it('of several at once, each starts, and together they have all', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `call-${index}`)
    for (const [index, id] of ids.entries()) leaveBehind(`a${index.toString(16)}`, line(id))
    const taken = new Set<string>()
    const meters = Array.from({ length: 8 }, () => meterInto(taken))
    await Promise.all(meters.map((meter) => meter.start()))
    expect(taken).toEqual(new Set(ids))
    await Promise.all(meters.map((meter) => meter.stop()))
  })

  it('touches nothing of a process that lives, and counts what it is told itself once', async () => {
    const taken = new Set<string>()
    const living = meterInto(taken)
    await living.record({ ...CALL, id: 'of the living' })
    const meter = meterInto(taken)
    await meter.record({ ...CALL, id: 'before the start' })
    await meter.start()
    expect([...taken]).toEqual(['before the start'])
    await living.start()
    expect(taken.size).toBe(2)
    await Promise.all([meter.stop(), living.stop()])
  })
})

describe('a record', () => {
  it('is on the disk when its call may be answered, with those of the same turn', async () => {
    const meter = meterInto(new Set())
    const recorded = ['one', 'two', 'three'].map((id) => meter.record({ ...CALL, id }))
    await recorded[0]
    const segment = readdirSync(folder).find((name) => name.endsWith('.jsonl'))!
    expect(readFileSync(join(folder, segment), 'utf8')).toBe(line('one') + line('two') + line('three'))
    await meter.stop()
  })

  it('that the disk does not take fails its call, and no later one', async () => {
    const meter = meterInto(new Set())
    rmSync(folder, { recursive: true })
    await expect(meter.record({ ...CALL, id: 'lost' })).rejects.toMatchObject({ code: 'ENOENT' })
    mkdirSync(folder)
    await meter.record({ ...CALL, id: 'kept' })
    await meter.stop()
  })

  it('is stored by a flush in the same turn', async () => {
    const taken = new Set<string>()
    const meter = meterInto(taken)
    const recorded = meter.record({ ...CALL, id: 'just now' })
    await meter.flush()
    expect([...taken]).toEqual(['just now'])
    await recorded
    await meter.stop()
  })
})
