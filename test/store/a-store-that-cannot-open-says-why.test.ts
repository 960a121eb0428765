import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/store.ts'
import { temporaryFolder } from '../support/data-dir.ts'
import { STORE_KINDS } from '../support/stores.ts'

const dataDir = temporaryFolder()
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

const open = (databaseUrl: string) => openStore({ dataDir, databaseUrl })

it.each([
  ['mysql://localhost/x', 'DATABASE_URL must begin with postgres://, not mysql://.'],
  ['localhost:5432', /^DATABASE_URL (is no address|must begin)/],
  ['postgres://someone:s3cret@127.0.0.1:1/x', 'Nothing answers at postgres://127.0.0.1:1/x.'],
  ['postgres://someone:s3cret@no-such-host.invalid/x', /no-such-host\.invalid/],
])('%s is told in words, and without the password', async (url, message) => {
  const error = (await open(url).catch((thrown: unknown) => thrown)) as Error
  expect(error.constructor.name).toBe('StoreError')
  expect(error.message).toMatch(message)
  expect(error.message).not.toContain('s3cret')
})

describe.skipIf(!STORE_KINDS.includes('postgres'))('a PostgreSQL', () => {
  it('without such a database is told', async () => {
    const url = new URL(process.env.VALENCE_TEST_DATABASE_URL!)
    url.pathname = '/no_such_database'
    await expect(open(url.href)).rejects.toThrow('has no such database')
  })
})

it('a server that takes connections and says nothing is given up when the store is', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  const opening = openStore({
    dataDir,
    databaseUrl: `postgres://a@127.0.0.1:${port}/b`,
    signal: AbortSignal.timeout(100),
  })
  await expect(opening).rejects.toThrow()
  silent.close()
})

it('a folder of another PostgreSQL is left alone, with a word on how to move', async () => {
  mkdirSync(join(dataDir, 'older', 'database'), { recursive: true })
  writeFileSync(join(dataDir, 'older', 'database', 'PG_VERSION'), '17\n')
  await expect(openStore({ dataDir: join(dataDir, 'older') })).rejects.toThrow(
    /written by PostgreSQL 17.*valence db dump/s,
  )
})

it('a data directory that is a file, and a folder that is not PostgreSQL’s, are told', async () => {
  writeFileSync(join(dataDir, 'file'), '')
  await expect(openStore({ dataDir: join(dataDir, 'file') })).rejects.toThrow(join(dataDir, 'file'))
  mkdirSync(join(dataDir, 'other', 'database'), { recursive: true })
  await expect(openStore({ dataDir: join(dataDir, 'other') })).rejects.toThrow('is no folder of PostgreSQL')
})

it('the server ends with that message, in a line', () => {
  const { status, stderr } = spawnSync(process.execPath, ['src/cli/valence.js', 'serve', '--port', '0'], {
    encoding: 'utf8',
    timeout: 25_000,
    env: { ...process.env, DATABASE_URL: 'postgres://someone:s3cret@127.0.0.1:1/x' },
  })
  expect(stderr).toMatch(/^valence: Nothing answers at postgres:\/\/127\.0\.0\.1:1\/x\./m)
  expect(stderr).not.toContain('s3cret')
  expect(status).toBe(2)
})

it('commands that need no store open none', () => {
  const { status } = spawnSync(process.execPath, ['src/cli/valence.js', 'classify', 'Good.'], {
    env: { ...process.env, DATABASE_URL: 'postgres://127.0.0.1:1/x', VALENCE_DATA_DIR: '/proc/none' },
  })
  expect(status).toBe(0)
})
