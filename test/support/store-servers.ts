import { rmSync } from 'node:fs'
import { openStore } from '../../src/store/store.ts'
import { temporaryFolder } from './data-dir.ts'
import { startTestPostgres } from './postgres.ts'

/**
 * What every run of the tests has once, and that is gone after it: a PostgreSQL server, whose administrator's address is in
 * VALENCE_TEST_DATABASE_URL (or the one that was there before), and a data directory to copy, as a first start takes seconds.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const given = process.env.VALENCE_TEST_DATABASE_URL
  const dataDir = temporaryFolder()
  const [postgres] = await Promise.all([
    given ? undefined : startTestPostgres(),
    openStore({ dataDir }).then((store) => store.close()),
  ])
  if (!given && !postgres) console.warn('PostgreSQL is not on this machine: its half of the store tests is skipped.')
  process.env.VALENCE_TEST_FIRST_DATA_DIR = dataDir
  if (postgres) process.env.VALENCE_TEST_DATABASE_URL = postgres.url
  return async () => {
    await postgres?.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
