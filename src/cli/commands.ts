import { type CommandDef, defineCommand, runCommand, showUsage } from 'citty'
import { ConfigError } from '../config.ts'
import { VERSION } from '../main.ts'
import { classify } from './classify.ts'
import { convert } from './convert.ts'
import { models } from './models.ts'
import { pull } from './pull.ts'
import { serve } from './serve.ts'
import { UsageError } from './settings.ts'

// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, and citty's type is invariant in them
const COMMANDS: Record<string, CommandDef<any>> = { serve, classify, models, pull, convert }

const valence = defineCommand({
  meta: { name: 'valence', version: VERSION, description: 'Self-hosted text classification' },
  subCommands: COMMANDS,
})

/** A mistake of the user's is told in one line; anything else is a fault of ours and keeps its stack. */
async function main(rawArgs: string[]): Promise<void> {
  const [name = ''] = rawArgs
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  // What stands behind -- are texts, whatever they look like.
  const flags = rawArgs.includes('--') ? rawArgs.slice(0, rawArgs.indexOf('--')) : rawArgs
  if (flags.includes('--version')) return console.log(VERSION)
  if (flags.includes('--help') || flags.includes('-h') || rawArgs.length === 0) {
    return command ? showUsage(command, valence) : showUsage(valence)
  }
  if (!command)
    throw new UsageError(`There is no command ${JSON.stringify(name)}; there are ${Object.keys(COMMANDS).join(', ')}.`)
  await runCommand(command, { rawArgs: rawArgs.slice(1) })
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const isUsersMistake = error instanceof ConfigError || error instanceof UsageError
  console.error(isUsersMistake ? `valence: ${error.message}` : error)
  process.exitCode = isUsersMistake ? 2 : 1
}
