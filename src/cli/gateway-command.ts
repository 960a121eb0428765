import { existsSync } from 'node:fs'
import { type ArgsDef, defineCommand, type ParsedArgs } from 'citty'
import type { Config } from '../config.ts'
import { ValenceError } from '../errors.ts'
import { createGateway, type Gateway } from '../gateway/gateway.ts'
import { openStore } from '../store/store.ts'
import { configFrom, STORE_FLAGS, UsageError } from './settings.ts'

/** A list longer than this is for the API, which pages. */
export const MOST_LISTED = 1000

const COMMON_FLAGS = { ...STORE_FLAGS, json: { type: 'boolean', description: 'print JSON' } } as const

/**
 * A command that works on accounts, keys, money or usage in the store.
 *
 * @param parts.read says what the words and flags ask for; it throws UsageError before the store is opened
 */
export function gatewayCommand<const Own extends ArgsDef, Wanted>(
  meta: { name: string; description: string },
  own: Own,
  parts: {
    read: (args: ParsedArgs<Own>) => Wanted
    run: (gateway: Gateway, wanted: Wanted, output: { json: boolean }) => Promise<void>
  },
) {
  const flags: ArgsDef = { ...own, ...COMMON_FLAGS }
  return defineCommand({
    meta,
    args: flags,
    async run({ args }) {
      const config = configFrom(args, flags)
      const wanted = parts.read(args as unknown as ParsedArgs<Own>)
      await withGateway(config, (gateway) => parts.run(gateway, wanted, { json: args.json === true }))
    },
  })
}

/**
 * Opens the store for a command. The embedded one belongs to one process, so that a running server has to be asked over
 * HTTP instead; a PostgreSQL may have servers running, which hear of changes at once.
 *
 * @throws UsageError where what the command asks for cannot be done
 */
async function withGateway(config: Config, use: (gateway: Gateway) => Promise<void>): Promise<void> {
  if (config.databaseUrl === undefined && !existsSync(config.dataDir)) {
    console.error(`There was nothing in ${config.dataDir} yet; an embedded store is made there.`)
  }
  const opening = openStore(config)
  const gateway = createGateway({
    opening,
    dataDir: config.dataDir,
    keySecret: config.keySecret,
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

/** The words of a command that takes so many, no more and no fewer. */
export function wordsOf<const Names extends readonly string[]>(
  { _: words }: { _: string[] },
  names: Names,
  mistake: string,
): { [Index in keyof Names]: string } {
  if (words.length !== names.length || words.includes('')) throw new UsageError(mistake)
  return words as { [Index in keyof Names]: string }
}

/** What moves a terminal's cursor, or ends a line: names are their owners' own, and an operator reads them. */
const CONTROLS = /[^\P{Cc}\t]/gu

/** Prints a list at once, so that whoever reads only its beginning, as `head` does, breaks nothing. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line.replaceAll(CONTROLS, '\ufffd')}\n`).join(''))
}
