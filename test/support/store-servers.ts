import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openStore } from '../../src/store/store.ts'
import { startTestPostgres } from './postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** the administrator's address of a PostgreSQL for the tests, where there is one */
    postgresUrl: string | undefined
    /** a data directory as it is after a first start, to be copied: making one takes seconds */
    firstDataDir: string
  }
}

/** What every run of the tests has once: a PostgreSQL server, and an embedded store to copy. Both are gone after it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.VALENCE_TEST_DATABASE_URL
  const firstDataDir = mkdtempSync(join(tmpdir(), 'valence-data-'))
  const [postgres] = await Promise.all([
    given ? undefined : startTestPostgres(),
    openStore({ dataDir: firstDataDir }).then((store) => store.close()),
  ])
  if (!given && !postgres) console.warn('PostgreSQL is not on this machine: its half of the store tests is skipped.')
  project.provide('postgresUrl', given ?? postgres?.url)
  project.provide('firstDataDir', firstDataDir)
  return async () => {
    await postgres?.stop()
    rmSync(firstDataDir, { recursive: true, force: true })
  }
}
