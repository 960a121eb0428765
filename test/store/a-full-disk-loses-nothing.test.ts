import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { openStore } from '../../src/store/store.ts'
import { temporaryFolder } from '../support/data-dir.ts'

const disk = temporaryFolder()
const mount = (options: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk], { stdio: 'ignore' }).status === 0

/** Room for the store, and a little more. */
const isMounted = mount('size=48m')
if (!isMounted) console.warn('This user cannot mount a small disk: the test of a full one is skipped.')

afterAll(() => {
  if (isMounted) spawnSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true, force: true })
})

it.skipIf(!isMounted)(
  'what was acknowledged is there, and it goes on when there is room',
  { timeout: 120_000 },
  async () => {
    const store = await openStore({ dataDir: disk })
    await store.executeSql('create table filling (x integer, y bytea)')
    let acknowledged = 0
    const failure = await (async () => {
      for (;;) {
        await store.executeSql('insert into filling values ($1, $2)', [acknowledged, randomBytes(20_000)])
        acknowledged++
      }
    })().catch((error: unknown) => error as Error & { code?: string })
    expect(['53100', 'ENOSPC']).toContain(failure.code)
    expect(acknowledged).toBeGreaterThan(100)
    expect(store.isReachable()).toBe(false)

    mount('remount,size=256m')
    for (let tries = 0; ; tries++) {
      const counted = await store.executeSql('select count(*) as rows from filling').catch((error: unknown) => error)
      if (!(counted instanceof Error)) {
        expect((counted as { rows: unknown[] }).rows).toEqual([{ rows: acknowledged }])
        break
      }
      if (tries === 30) throw counted
      await setTimeout(1000)
    }
    await store.executeSql('insert into filling values (-1, null)')
    expect(store.isReachable()).toBe(true)
    await store.close()
  },
)
