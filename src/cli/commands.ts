import { type CommandDef, defineCommand, runCommand, showUsage } from 'citty'
import { ConfigError } from '../config.ts'
import { StoreError } from '../store/store-error.ts'
import { VERSION } from '../version.ts'
import { UsageError } from './settings.ts'

// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, and citty's type is invariant in them
type Command = CommandDef<any>

/** Imported when they are asked for: `valence models` has no use for a server. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  serve: async () => (await import('./serve.ts')).serve,
  classify: async () => (await import('./classify.ts')).classify,
  models: async () => (await import('./models.ts')).models,
  pull: async () => (await import('./pull.ts')).pull,
  convert: async () => (await import('./convert.ts')).convert,
  keys: async () => (await import('./keys.ts')).keys,
  accounts: async () => (await import('./accounts.ts')).accounts,
  topup: async () => (await import('./topup.ts')).topup,
  budgets: async () => (await import('./budgets.ts')).budgets,
  usage: async () => (await import('./usage.ts')).usage,
  db: async () => (await import('./db.ts')).db,
}

const valence = defineCommand({
  meta: { name: 'valence', version: VERSION, description: 'Self-hosted text classification' },
  subCommands: COMMANDS,
})

/** A mistake of the user's is told in one line; anything else is a fault of ours and keeps its stack. */
async function main(rawArgs: string[]): Promise<void> {
  // What stands behind -- are texts, whatever they look like.
  const flags = rawArgs.includes('--') ? rawArgs.slice(0, rawArgs.indexOf('--')) : rawArgs
  if (flags.includes('--version')) return console.log(VERSION)
  const wantsHelp = flags.includes('--help') || flags.includes('-h')
  if (rawArgs.length === 0 || (wantsHelp && !Object.hasOwn(COMMANDS, rawArgs[0]!))) return showUsage(valence)
  const [command, args, parent] = await find(rawArgs, COMMANDS, valence)
  if (wantsHelp) return showUsage(command, parent)
  await runCommand(command, { rawArgs: args })
}

/** Goes down to the command that the words name: `db dump`. */
async function find(
  words: string[],
  commands: Record<string, Command | (() => Promise<Command>)>,
  parent: Command,
): Promise<[Command, string[], Command]> {
  const [name = '', ...rest] = words
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined
  const among = Object.keys(commands).join(', ')
  if (!known)
    throw new UsageError(
      name === '' || name.startsWith('-')
        ? `Say what to do: ${among}.`
        : `There is no command ${JSON.stringify(name)}; there are ${among}.`,
    )
  const command = typeof known === 'function' ? await known() : known
  const below = command.subCommands as Record<string, Command> | undefined
  if (!below || rest[0] === '--help' || rest[0] === '-h') return [command, rest, parent]
  return find(rest, below, command)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const isUsersMistake = [ConfigError, StoreError, UsageError].some((kind) => error instanceof kind)
  console.error(isUsersMistake ? `valence: ${(error as Error).message}` : error)
  process.exitCode = isUsersMistake ? 2 : 1
}
