import { existsSync } from 'node:fs'
import type { ArgsDef } from 'citty'
import { type Config, type Flags, readConfig, SETTINGS } from '../config.ts'

/** A command line that cannot be understood; its message says why. */
export class UsageError extends Error {}

/** The flags of the settings, for a command's help and parser. */
export const SETTING_FLAGS: ArgsDef = Object.fromEntries(
  Object.values(SETTINGS).flatMap((setting) =>
    setting.flag !== undefined
      ? [
          [
            setting.flag,
            {
              type: typeof setting.default === 'boolean' ? 'boolean' : 'string',
              description: `${setting.description} (${setting.env}; default ${JSON.stringify(setting.default)})`,
            } as const,
          ],
        ]
      : [],
  ),
)

/** The flags of a command that opens the store; it takes the store's variables as well. */
export const STORE_FLAGS = { 'data-dir': SETTING_FLAGS['data-dir']! }

/** Secrets have variables only, and go with the flag of what they are for. */
const STORE_VARIABLES: readonly string[] = [SETTINGS.databaseUrl.env, SETTINGS.keySecret.env]

/**
 * Reads the configuration from a command's arguments and, for the settings that the command has, the environment.
 *
 * @param known the command's own arguments
 * @throws UsageError for a flag that nobody knows: a misspelt one must not be passed over
 */
export function configFrom(args: Record<string, unknown>, known: ArgsDef): Config {
  const flags = Object.fromEntries(Object.entries(args).map(([name, value]) => [kebabCase(name), value]))
  const unknown = Object.keys(flags).find((name) => name !== '_' && !Object.hasOwn(known, name))
  if (unknown !== undefined) {
    const typed = unknown.length === 1 ? `-${unknown}` : `--${unknown}`
    throw new UsageError(`There is no flag ${typed}; --help lists them. Put -- before a text that begins with a dash.`)
  }
  const empty = Object.keys(flags).find((name) => flags[name] === '' && known[name]?.type === 'string')
  if (empty !== undefined) throw new UsageError(`--${empty} needs a value.`)
  const serves = known === SETTING_FLAGS
  const usesStore = Object.hasOwn(known, 'data-dir')
  const config = readConfig(
    flags as Flags,
    process.env,
    ({ flag, env }) =>
      serves || (flag !== undefined && Object.hasOwn(known, flag)) || (usesStore && STORE_VARIABLES.includes(env)),
  )
  if (config.modelsDir !== undefined && !existsSync(config.modelsDir)) {
    throw new UsageError(`There is no folder ${config.modelsDir}, which should hold the models.`)
  }
  return config
}

/** @throws UsageError where a command that takes no arguments was given one */
export function refuseArguments(command: string, { _: given }: { _: string[] }): void {
  if (given.length > 0)
    throw new UsageError(`${command} takes no arguments, but was given ${JSON.stringify(given[0])}.`)
}

/** citty gives a flag under its own name and in camel case. */
function kebabCase(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
