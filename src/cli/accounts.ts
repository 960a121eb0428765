import { type ArgsDef, defineCommand } from 'citty'
import type { AccountRow } from '../gateway/accounts.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { countIn, inDollars } from './amounts.ts'
import { configFrom, refuseArguments, STORE_FLAGS, UsageError } from './settings.ts'
import { printLines, withGateway } from './with-gateway.ts'

const JSON_FLAG = { type: 'boolean', description: 'print JSON' } as const

const CREATE_ARGS = {
  name: { type: 'positional', required: false, description: 'what it is called' },
  ...STORE_FLAGS,
  rpm: { type: 'string', description: 'requests that it and its sub-accounts may send in a minute' },
  json: JSON_FLAG,
} as const satisfies ArgsDef

const LIST_ARGS = { ...STORE_FLAGS, json: JSON_FLAG } as const satisfies ArgsDef

/** A list longer than this is for the API, which pages. */
const MOST_LISTED = 1000

export const accounts = defineCommand({
  meta: { name: 'accounts', description: 'Make and list accounts, each with a wallet' },
  subCommands: {
    create: defineCommand({
      meta: { name: 'create', description: 'Make an account and its first key, which is shown this once' },
      args: CREATE_ARGS,
      async run({ args }) {
        const config = configFrom(args, CREATE_ARGS)
        const [name, ...more] = args._
        if (name === undefined || more.length > 0) throw new UsageError('accounts create takes one name.')
        const requestsPerMinute = args.rpm === undefined ? null : countIn(args.rpm, '--rpm', 1_000_000)
        await withGateway(config, async (gateway) => {
          const account = await gateway.accounts.create(null, { ...NOTHING_SET, name, requestsPerMinute })
          const { secret } = await gateway.keys.createPlain(account.id)
          if (args.json) return console.log(JSON.stringify({ id: account.id, name, key: secret }))
          console.log(`${account.id}\t${secret}`)
          console.error(`This is the key of ${JSON.stringify(name)}, shown this once.`)
        })
      },
    }),
    list: defineCommand({
      meta: { name: 'list', description: 'List the accounts and what their wallets have' },
      args: LIST_ARGS,
      async run({ args }) {
        const config = configFrom(args, LIST_ARGS)
        refuseArguments('accounts list', args)
        await withGateway(config, async (gateway) => {
          const lines: string[] = []
          for (const account of await gateway.accounts.list(null, { limit: MOST_LISTED, after: undefined })) {
            lines.push(await line(gateway, account, args.json === true))
          }
          printLines(lines)
        })
      },
    }),
  },
})

const NOTHING_SET = {
  externalRef: null,
  monthlyCapMicros: null,
  requestsPerMinute: null,
  defaultTag: null,
  allowedModels: null,
}

async function line({ wallet }: Gateway, { id, name }: AccountRow, json: boolean): Promise<string> {
  const { balanceMicros, heldMicros } = await wallet.balance(id)
  if (!json) return `${id}\t${inDollars(balanceMicros)}\t${name}`
  return JSON.stringify({ id, name, balance_usd: balanceMicros / 1e6, held_usd: heldMicros / 1e6 })
}
