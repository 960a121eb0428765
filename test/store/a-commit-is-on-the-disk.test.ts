import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { storePlace } from '../support/stores.ts'

const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
if (!canTrace) console.warn('strace is not on this machine: that commits are synced is not tested.')

const COMMITS = 50

it.skipIf(!canTrace)('the log is synced before a commit of the embedded store is acknowledged', async () => {
  await using place = await storePlace('embedded')
  const trace = join(place.dataDir, 'trace')
  const flags = ['-f', '-qq', '-y', '-e', 'trace=fsync,fdatasync,write', '-e', 'signal=none', '-s', '16', '-o', trace]
  const writer = spawn('strace', [...flags, process.execPath, 'test/support/store-writer.ts'], {
    env: { ...process.env, ...place.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const exited = once(writer, 'exit')
  for await (const line of createInterface({ input: writer.stdout })) if (Number(line) >= COMMITS) break
  // strace and what it traces are one group.
  process.kill(-writer.pid!, 'SIGKILL')
  await exited

  // What the system was asked for, in order: a sync of the log, or an acknowledgement on standard output.
  const events = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((line) => {
      if (/ (fsync|fdatasync)\(\d+<[^>]*\/pg_wal\/[^>]*>\)?/.test(line)) return ['sync']
      return / write\(1<[^>]*>, "\d+\\n"/.test(line) ? ['acknowledged'] : []
    })
    .join(' ')
  expect(events.split('acknowledged').length).toBeGreaterThan(COMMITS)
  expect(events).not.toContain('acknowledged acknowledged')
})
