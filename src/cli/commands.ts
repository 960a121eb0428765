import { type CommandDef, defineCommand, runCommand, showUsage } from 'citty'
import { ConfigError } from '../config.ts'
import { VERSION } from '../main.ts'
import { StoreError } from '../store/store-error.ts'
import { accounts } from './accounts.ts'
import { budgets } from './budgets.ts'
import { classify } from './classify.ts'
import { convert } from './convert.ts'
import { db } from './db.ts'
import { keys } from './keys.ts'
import { models } from './models.ts'
import { pull } from './pull.ts'
import { serve } from './serve.ts'
import { UsageError } from './settings.ts'
import { topup } from './topup.ts'
import { usage } from './usage.ts'

// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, and citty's type is invariant in them
const COMMANDS: Record<string, CommandDef<any>> = {
  serve,
  classify,
  models,
  pull,
  convert,
  keys,
  accounts,
  topup,
  budgets,
  usage,
  db,
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
  const [command, args, parent] = find(rawArgs, COMMANDS, valence)
  if (wantsHelp) return showUsage(command, parent)
  await runCommand(command, { rawArgs: args })
}

/** Goes down to the command that the words name: `db dump`. */
function find(words: string[], commands: typeof COMMANDS, parent: CommandDef): [CommandDef, string[], CommandDef] {
  const [name = '', ...rest] = words
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  const among = Object.keys(commands).join(', ')
  if (!command)
    throw new UsageError(
      name === '' || name.startsWith('-')
        ? `Say what to do: ${among}.`
        : `There is no command ${JSON.stringify(name)}; there are ${among}.`,
    )
  const below = command.subCommands as typeof COMMANDS | undefined
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
