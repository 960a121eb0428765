import { createReadStream, existsSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { type ArgsDef, defineCommand } from 'citty'
import { SingleBar } from 'cli-progress'
import type { Config } from '../config.ts'
import { keepRestoredSecret, secretsBesideStore } from '../gateway/key-secret.ts'
import { storeWhatWasLeftBehind } from '../gateway/left-behind.ts'
import { journalIn } from '../gateway/usage-journal.ts'
import { openContents } from '../jobs/files/open-contents.ts'
import { dumpStore } from '../store/dump/dump.ts'
import type { Progress } from '../store/dump/format.ts'
import { parseLines } from '../store/dump/lines.ts'
import { restoreStore } from '../store/dump/restore.ts'
import { type Migration, migrate } from '../store/migrate.ts'
import { MIGRATIONS } from '../store/migrations/all.ts'
import { openUnmigrated, type Store } from '../store/store.ts'
import { decompressed, writeWhole } from './dump-file.ts'
import { configFrom, refuseArguments, STORE_FLAGS, UsageError } from './settings.ts'

const MIGRATE_ARGS = {
  ...STORE_FLAGS,
  json: { type: 'boolean', description: 'print what was done as a JSON object' },
} as const satisfies ArgsDef

const FILE_ARGS = {
  file: { type: 'positional', required: false, description: 'a file, compressed if it ends in .gz, or - for a pipe' },
  ...MIGRATE_ARGS,
} as const satisfies ArgsDef

export const db = defineCommand({
  meta: { name: 'db', description: 'Dump, restore or migrate everything that is kept' },
  subCommands: {
    dump: defineCommand({
      meta: {
        name: 'dump',
        description: 'Write everything that is kept to a file, which either kind of store can take',
      },
      args: FILE_ARGS,
      run: async ({ args }) => dump(configFrom(args, FILE_ARGS), fileIn('dump', args._), args.json === true),
    }),
    restore: defineCommand({
      meta: { name: 'restore', description: 'Fill an empty store from a dump' },
      args: FILE_ARGS,
      run: async ({ args }) => restore(configFrom(args, FILE_ARGS), fileIn('restore', args._), args.json === true),
    }),
    migrate: defineCommand({
      meta: { name: 'migrate', description: 'Bring the schema up to date, as every start of the server does' },
      args: MIGRATE_ARGS,
      async run({ args }) {
        refuseArguments('db migrate', args)
        await bringUpToDate(configFrom(args, MIGRATE_ARGS), args.json === true)
      },
    }),
  },
})

async function dump(config: Config, file: string, json: boolean): Promise<void> {
  if (config.databaseUrl === undefined && !existsSync(config.dataDir))
    throw new UsageError(`There is nothing in ${config.dataDir} to dump.`)
  if (file === '-' && process.stdout.isTTY) throw new UsageError('Name a file, or send the dump through a pipe.')
  await withStore(config, async (store) => {
    const journalDir = journalIn(config.dataDir)
    // Calls that were answered and lie beside the store belong to the whole as well.
    if (existsSync(journalDir)) await storeWhatWasLeftBehind(store, journalDir)
    const bar = createBar()
    const end = { rows: 0, contents: 0 }
    const lines = dumpStore(store, {
      secrets: secretsBesideStore({ kind: store.kind, dataDir: config.dataDir }),
      openContents: async (transaction) => openContents({ kind: store.kind, db: transaction }, config.dataDir),
      onProgress: bar.show,
    })
    async function* text() {
      for await (const line of lines) {
        if (typeof line === 'object' && 'end' in line) Object.assign(end, { rows: line.rows, contents: line.contents })
        yield `${JSON.stringify(line)}\n`
      }
    }
    await (file === '-' ? pipeline(text, process.stdout, { end: false }) : writeWhole(file, text())).finally(bar.end)
    // Standard output is the dump itself.
    if (file === '-') return
    if (json) console.log(JSON.stringify({ file, ...end }))
    else console.log(`${end.rows} rows and ${end.contents} files are in ${file}. It holds secrets; keep it as one.`)
  })
}

async function restore(config: Config, file: string, json: boolean): Promise<void> {
  if (file !== '-' && !existsSync(file)) throw new UsageError(`There is no file ${file}.`)
  await withStore(config, async (store) => {
    const bar = createBar()
    const source = file === '-' ? process.stdin : createReadStream(file)
    const { rows, contents, migrations } = await restoreStore(store, parseLines(decompressed(source)), {
      openContents: async (transaction) => openContents({ kind: store.kind, db: transaction }, config.dataDir),
      keepSecrets: async (secrets, transaction) =>
        keepRestoredSecret(transaction, secrets, { kind: store.kind, dataDir: config.dataDir }),
      onProgress: bar.show,
    }).finally(bar.end)
    if (json) console.log(JSON.stringify({ file, rows, contents, migrations: migrations.map(({ id }) => id) }))
    else console.log([`${rows} rows and ${contents} files are restored.`, ...migrations.map(told)].join('\n'))
  })
}

async function bringUpToDate(config: Config, json: boolean): Promise<void> {
  await withStore(config, async ({ db: database }) => {
    const taken = await migrate(database, MIGRATIONS)
    if (json) console.log(JSON.stringify({ migrations: taken.map(({ id }) => id) }))
    else console.log(taken.length > 0 ? taken.map(told).join('\n') : 'The schema is up to date.')
  })
}

function told({ id, name }: Migration): string {
  return `Took step ${id}: ${name}.`
}

async function withStore(config: Config, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openUnmigrated(config)
  try {
    await use(store)
  } finally {
    await store.close()
  }
}

function fileIn(command: string, names: string[]): string {
  const [file = '-', ...more] = names
  if (more.length > 0)
    throw new UsageError(`db ${command} takes one file, but was given ${JSON.stringify(more[0])} as well.`)
  return file
}

/** A bar for people who watch; a pipe or a log is left alone. */
function createBar(): { show(progress: Progress): void; end(): void } {
  if (!process.stderr.isTTY) return { show() {}, end() {} }
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{bar} {percentage}% | {value}/{total} rows | {eta_formatted}',
    hideCursor: true,
  })
  return {
    show({ rows, totalRows }) {
      if (!bar.isActive) bar.start(totalRows, 0)
      bar.update(rows)
    },
    end: () => bar.stop(),
  }
}
