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

/**
 * Reads the configuration from a command's arguments and the environment.
 *
 * @param known the command's own arguments
 * @throws UsageError for a flag that nobody knows: a misspelt one must not be passed over
 */
export function configFrom(args: Record<string, unknown>, known: ArgsDef): Config {
  const flags = Object.fromEntries(Object.entries(args).map(([name, value]) => [kebabCase(name), value]))
  const unknown = Object.keys(flags).find((name) => name !== '_' && !Object.hasOwn(known, name))
  if (unknown !== undefined) throw new UsageError(`There is no flag --${unknown}; --help lists them.`)
  return readConfig(flags as Flags, process.env)
}

/** citty gives a flag under its own name and in camel case. */
function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
