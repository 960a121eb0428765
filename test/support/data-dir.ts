import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of the machine's for temporary files, which whoever asks for it removes. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'valence-store-'))
}

/** A data directory as it is after a first start, which takes seconds, where the run of the tests has one; else empty. */
export function freshDataDir(): string {
  const dataDir = temporaryFolder()
  const first = process.env.VALENCE_TEST_FIRST_DATA_DIR
  if (first) cpSync(first, dataDir, { recursive: true })
  return dataDir
}
