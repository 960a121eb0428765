import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { SETTINGS } from '../src/config.ts'

/** A row of the README's table: flag, variable, default, description. */
const ROW = /^\| (?:`--([\w-]+)`|–) \| `([A-Z_]+)` \| (.+?) \| (.+) \|$/gm

it('with its flag and variable, and in the words of its help', () => {
  const rows = [...readFileSync('README.md', 'utf8').matchAll(ROW)].map(([, flag, env = '', , description]) => ({
    flag,
    env,
    description,
  }))
  const settings = Object.values(SETTINGS).map((setting) => ({
    flag: 'flag' in setting ? setting.flag : undefined,
    env: setting.env,
    description: setting.description,
  }))
  const byVariable = (one: { env: string }, other: { env: string }) => one.env.localeCompare(other.env)
  expect(rows.toSorted(byVariable)).toEqual(settings.toSorted(byVariable))
})
