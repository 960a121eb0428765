import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { ValenceError } from '../errors.ts'
import { createGateway, type Gateway } from '../gateway/gateway.ts'
import { openStore } from '../store/store.ts'
import { UsageError } from './settings.ts'

/**
 * Opens the store for a command. The embedded one belongs to one process, so that a running server has to be asked over
 * HTTP instead; a PostgreSQL may have servers running, which hear of changes at once.
 *
 * @throws UsageError where what the command asks for cannot be done
 */
export async function withGateway(config: Config, use: (gateway: Gateway) => Promise<void>): Promise<void> {
  if (config.databaseUrl === undefined && !existsSync(config.dataDir)) {
    console.error(`There was nothing in ${config.dataDir} yet; an embedded store is made there.`)
  }
  const opening = openStore(config)
  const gateway = createGateway({
    opening,
    dataDir: config.dataDir,
    keySecret: config.keySecret,
    journalDir: join(config.dataDir, 'usage'),
    timeoutMs: config.timeoutMs,
    onTrouble: (error, what) => console.error(`warning: ${what}`, error),
  })
  const store = await opening
  try {
    await gateway.ready
    await use(gateway)
  } catch (error) {
    throw error instanceof ValenceError ? new UsageError(error.message) : error
  } finally {
    await gateway.close()
    await store.close()
  }
}

/** Prints a list at once, so that whoever reads only its beginning, as `head` does, breaks nothing. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}
