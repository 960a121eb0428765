import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { Client } from 'pg'
import { openStore, type Store, type StoreKind } from '../../src/store/store.ts'
import { freshDataDir, temporaryFolder } from './data-dir.ts'

/** The administrator's address of a PostgreSQL for tests, where there is one. */
const POSTGRES_URL = process.env.VALENCE_TEST_DATABASE_URL

/** The kinds of store that this machine can test: `describe.each(STORE_KINDS)('on the %s store', (kind) => …)`. */
export const STORE_KINDS: readonly StoreKind[] = POSTGRES_URL === undefined ? ['embedded'] : ['embedded', 'postgres']

/** A place for a store that nobody else has, and that is gone when the test is over: `await using place = await storePlace(kind)`. */
export type StorePlace = AsyncDisposable & {
  kind: StoreKind
  dataDir: string
  databaseUrl: string | undefined
  /** what tells a process of ours to use this place: `startTestServer([], place.env)` */
  env: Record<string, string>
  /** Opens it here. What is still open at the end is closed; only a PostgreSQL can be opened more than once at a time. */
  open(): Promise<Store>
}

/** @param empty whether the embedded store has not even had its first start, which then takes seconds */
export async function storePlace(kind: StoreKind, { empty = false } = {}): Promise<StorePlace> {
  const dataDir = empty || kind === 'postgres' ? temporaryFolder() : freshDataDir()
  const database = kind === 'postgres' ? await createDatabase() : undefined
  const databaseUrl = database?.url
  const opened: Store[] = []
  return {
    kind,
    dataDir,
    databaseUrl,
    env: { VALENCE_DATA_DIR: dataDir, DATABASE_URL: databaseUrl ?? '' },
    async open() {
      const store = await openStore({ dataDir, databaseUrl })
      opened.push(store)
      return store
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((store) => store.close()))
      await database?.drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `valence_${randomBytes(8).toString('hex')}`
  await administer(`create database ${name}`)
  const url = new URL(POSTGRES_URL!)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => administer(`drop database ${name} with (force)`) }
}

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: POSTGRES_URL! })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
