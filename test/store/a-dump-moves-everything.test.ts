import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { journalIn } from '../../src/gateway/usage-journal.ts'
import { openContents } from '../../src/jobs/files/open-contents.ts'
import { dumpStore } from '../../src/store/dump/dump.ts'
import { parseLines } from '../../src/store/dump/lines.ts'
import { restoreStore } from '../../src/store/dump/restore.ts'
import { openUnmigrated, type Store } from '../../src/store/store.ts'
import type { UsageRecord } from '../../src/store/usage.ts'
import { STORE_KINDS, type StorePlace, storePlace } from '../support/stores.ts'

const PAIRS = STORE_KINDS.flatMap((from) => STORE_KINDS.map((to) => ({ from, to })))

const ROWS = 3000

/** More than a piece of a dump, and of a row. */
const FILE = randomBytes(700_001)

const METERED: UsageRecord = {
  id: 'use_1',
  requestId: 'r',
  accountId: 'acct_local',
  keyId: null,
  route: '/v1/classifications',
  model: 'm',
  servedBy: 'm',
  tag: null,
  status: 'ok',
  texts: 1,
  tokens: 4,
  costMicros: 0,
  latencyMs: 1,
  createdAt: '2026-11-24T12:00:00.000Z',
}

const NO_CONTENTS = async () => {
  throw new Error('there are none')
}

/** Rows in no useful order: a sub-account comes before its parent, and texts hold whatever texts hold. */
async function fill({ executeSql }: Store): Promise<void> {
  await executeSql(`
    insert into accounts (id, parent_id, name, allowed_models, monthly_cap_micros, created_at) values
      ('sa_1', 'acct_1', 'Übermäßig "klein" \\ 😀', '["a/*", null]', 9007199254740991, '2026-01-02T03:04:05.678901Z'),
      ('acct_1', null, E'tab\\t, newline\\n, \\\\N', null, null, default);
    insert into wallets (account_id, balance_micros) values ('acct_1', 123456789);
    insert into api_keys (id, account_id) values ('key_1', 'sa_1');
    insert into usage_calls (id, request_id, account_id, route, model, served_by, status, texts, tokens, cost_micros, latency_ms, created_at)
      select 'call_' || n, md5(n::text), 'sa_1', '/v1', 'm', 'm', 'ok', 1, n, n, n / 7.0, now() from generate_series(1, ${ROWS}) n;
    insert into files (id, account_id, content_id, filename, purpose, bytes, sha256) values
      ('file_1', 'acct_1', 'content_1', 'a.jsonl', 'batch', ${FILE.length}, '');
  `)
}

/** Every row of every table, as text. */
async function rowsOf({ executeSql }: Store): Promise<Record<string, string[]>> {
  const { rows: tables } = await executeSql(
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
  )
  const all: Record<string, string[]> = {}
  for (const { name } of tables as { name: string }[]) {
    const { rows } = await executeSql(`select t::text as row from ${name} t`)
    // When a step was taken is each store's own, and so is where the bytes of files lie.
    if (name !== 'schema_migrations' && name !== 'file_chunks')
      all[name] = rows.map(({ row }) => row as string).toSorted()
  }
  return all
}

function valence(place: StorePlace, args: string[], input?: Buffer) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/cli/valence.js', 'db', ...args], {
    env: { ...process.env, ...place.env },
    timeout: 25_000,
    maxBuffer: 64 * 1024 * 1024,
    ...(input && { input }),
  })
  return { status, stdout, stderr: stderr.toString() }
}

function restored(store: Store, dump: string) {
  return restoreStore(store, parseLines(Readable.from([Buffer.from(dump)])), {
    openContents: NO_CONTENTS,
    keepSecrets: async () => {},
  })
}

async function filledPlace(kind: 'embedded' | 'postgres') {
  const place = await storePlace(kind)
  const store = await place.open()
  await fill(store)
  const files = await openContents(store, place.dataDir)
  await files.write('content_1', Readable.from([FILE.subarray(0, 1000), FILE.subarray(1000)]), {
    maxBytes: FILE.length,
  })
  const rows = await rowsOf(store)
  await store.close()
  return { place, rows }
}

describe.each(PAIRS)('from $from to $to', ({ from, to }) => {
  it('every row arrives, through a compressed file', async () => {
    const { place, rows: filled } = await filledPlace(from)
    await using source = place
    await using target = await storePlace(to, { empty: true })
    const file = join(source.dataDir, 'dump.gz')
    const dumped = valence(source, ['dump', file, '--json'])
    expect(dumped).toMatchObject({ status: 0, stderr: '' })
    const rows = JSON.parse(dumped.stdout.toString()).rows as number
    expect(rows).toBeGreaterThan(ROWS)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(gunzipSync(readFileSync(file)).length).toBeGreaterThan(statSync(file).size)

    expect(valence(target, ['restore', file])).toMatchObject({ status: 0, stderr: '' })
    const store = await target.open()
    expect(await rowsOf(store)).toEqual(filled)
    const files = await openContents(store, target.dataDir)
    expect(await buffer(files.read('content_1', 0))).toEqual(FILE)
    await expect(store.executeSql("insert into api_keys (id, account_id) values ('k', 'none')")).rejects.toMatchObject({
      code: '23503',
    })
  })
})

describe.each(STORE_KINDS)('on the %s store', (kind) => {
  it('a dump has the calls that a killed server had not stored yet', async () => {
    await using source = await storePlace(kind)
    await using target = await storePlace(kind, { empty: true })
    await (await source.open()).close()
    const journal = journalIn(source.dataDir)
    mkdirSync(journal, { recursive: true })
    writeFileSync(join(journal, 'ab.lock'), '')
    writeFileSync(join(journal, 'ab.0.jsonl'), `${JSON.stringify(METERED)}\n{"id":"cut`)
    const { stdout: dump, stderr, status } = valence(source, ['dump'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(valence(target, ['restore'], dump)).toMatchObject({ status: 0 })
    const { rows } = await (await target.open()).executeSql('select id, request_id from usage_calls')
    expect(rows).toEqual([{ id: METERED.id, request_id: METERED.requestId }])
  })

  it('a dump goes through pipes, and is restored into an empty store only', async () => {
    const { place } = await filledPlace(kind)
    await using source = place
    await using target = await storePlace(kind, { empty: true })
    const { stdout: dump } = valence(source, ['dump'])
    expect(valence(target, ['restore', '--json'], dump)).toMatchObject({ status: 0, stderr: '' })
    const again = valence(target, ['restore'], dump)
    expect(again.status).toBe(2)
    expect(again.stderr).toMatch(/^valence: A dump is restored into an empty store only/)
  })

  it('a dump that is cut off, damaged or newer restores nothing', async () => {
    await using source = await storePlace(kind)
    await using target = await storePlace(kind, { empty: true })
    const store = await source.open()
    await fill(store)
    await store.executeSql('delete from files')
    const lines: string[] = []
    for await (const line of dumpStore(store, { secrets: {}, openContents: NO_CONTENTS }))
      lines.push(JSON.stringify(line))
    const dump = `${lines.join('\n')}\n`
    const newer = JSON.stringify({ ...JSON.parse(lines[0]!), migrations: [9999] })
    const empty = await openUnmigrated(target)
    for (const [bad, message] of [
      [`${lines.slice(0, -1).join('\n')}\n`, /cut off/],
      [dump.slice(0, dump.length / 2), /cut off/],
      [`${lines.filter((line) => !line.startsWith('["call_7"')).join('\n')}\n`, /damaged/],
      [[newer, ...lines.slice(1)].join('\n'), /newer Valence .*9999/],
      ['{"hello": 1}\n', /no dump of Valence/],
      ['hello\n', /no dump of Valence/],
      ['', /no dump of Valence/],
    ] as const) {
      await expect(restored(empty, bad)).rejects.toThrow(message)
      expect((await empty.executeSql("select to_regclass('accounts') as table")).rows).toEqual([{ table: null }])
    }
    await restored(empty, dump)
    expect(await rowsOf(empty)).toEqual(await rowsOf(store))
    await empty.close()
  })

  it('what was there under a name stays until the new dump is whole', async () => {
    await using place = await storePlace(kind)
    const file = join(place.dataDir, 'dump')
    writeFileSync(file, 'the last one')
    const store = await place.open()
    if (kind === 'embedded') {
      expect(valence(place, ['dump', file]).stderr).toContain('is in use by process')
      expect(readFileSync(file, 'utf8')).toBe('the last one')
    }
    await store.close()
    expect(valence(place, ['dump', file]).status).toBe(0)
    expect(existsSync(`${file}.unfinished`)).toBe(false)
    expect(readFileSync(file, 'utf8')).toMatch(/^\{"format":"valence-dump"/)
  })

  it('migrate says what it did', async () => {
    await using place = await storePlace(kind, { empty: true })
    expect(valence(place, ['migrate']).stdout.toString()).toContain('Took step 10')
    expect(JSON.parse(valence(place, ['migrate', '--json']).stdout.toString())).toEqual({ migrations: [] })
  })
})

it.each([
  [['db'], /Say what to do: dump, restore, migrate/],
  [['db', 'drop'], /There is no command "drop"; there are dump, restore, migrate/],
  [['db', 'restore', 'no-such-file'], /There is no file no-such-file/],
  [['db', 'dump', '--data-dir', '/nonexistent/valence'], /There is nothing in \/nonexistent\/valence to dump/],
])('%j is told in a line', (args, message) => {
  const { status, stderr } = spawnSync(process.execPath, ['src/cli/valence.js', ...args], { encoding: 'utf8' })
  expect(stderr).toMatch(message)
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(status).toBe(2)
})
