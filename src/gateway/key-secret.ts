import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { Database } from '../store/database.ts'
import { findServerSecret, keepServerSecret } from '../store/server-secrets.ts'

/**
 * The secret with which keys are hashed. Whoever reads the store without it can neither use a key nor check a guess.
 *
 * It is what the operator set; or else it was made once and kept: beside the embedded store in a file that its user alone may
 * read, and in a row of PostgreSQL, where all replicas find the same. Where it is lost, so are all keys.
 */
export type SecretPlace = { set: string | undefined; kind: 'embedded' | 'postgres'; dataDir: string }

const FILE = 'key-secret'
const NAME = 'key-secret'

export async function findKeySecret(db: Kysely<Database>, { set, kind, dataDir }: SecretPlace): Promise<Uint8Array> {
  const text = set ?? (kind === 'embedded' ? secretInFile(dataDir) : await keepServerSecret(db, NAME, freshSecret()))
  return Buffer.from(text, 'utf8')
}

/** What a dump has to have beside the tables for its keys to be worth anything. */
export function secretsBesideStore({ kind, dataDir }: Pick<SecretPlace, 'kind' | 'dataDir'>): Record<string, string> {
  const secret = kind === 'embedded' ? readIfThere(join(dataDir, FILE)) : undefined
  return secret === undefined ? {} : { [NAME]: secret }
}

/**
 * Puts the secret of a dump where the store it was restored into looks for it.
 *
 * @param db has the rows of the dump
 * @throws Error where another secret is there
 */
export async function keepRestoredSecret(
  db: Kysely<Database>,
  secrets: Record<string, string>,
  { kind, dataDir }: Pick<SecretPlace, 'kind' | 'dataDir'>,
): Promise<void> {
  const secret = secrets[NAME] ?? (await findServerSecret(db, NAME))
  if (secret === undefined) return
  const kept = kind === 'embedded' ? secretInFile(dataDir, secret) : await keepServerSecret(db, NAME, secret)
  if (kept === secret) return
  throw new Error(`${join(dataDir, FILE)} is the secret of another store; move it away first.`)
}

function secretInFile(folder: string, fresh = freshSecret()): string {
  const path = join(folder, FILE)
  const known = readIfThere(path)
  if (known !== undefined) return known
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Written whole beside its place and then linked there: nobody reads half of it, and the first one made stays.
  const temporary = `${path}.${randomBytes(8).toString('hex')}`
  writeFileSync(temporary, fresh, { mode: 0o600 })
  try {
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary)
  }
  return readFileSync(path, 'utf8')
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function freshSecret(): string {
  return randomBytes(32).toString('base64url')
}
