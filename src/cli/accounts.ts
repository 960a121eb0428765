import { defineCommand } from 'citty'
import type { AccountFields, AccountRow } from '../gateway/accounts.ts'
import { MAX_TAG_LENGTH } from '../gateway/budgets.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { inDollars, nameIn } from './amounts.ts'
import { gatewayCommand, MOST_LISTED, printLines, wordsOf } from './gateway-command.ts'
import { LIMIT_FLAGS, limitsAsJson, limitsIn, limitsInWords } from './limits.ts'
import { refuseArguments } from './settings.ts'

const PARENT_FLAG = {
  type: 'string',
  description: 'the account that pays: its sub-accounts are meant, which have no wallet',
} as const

const create = gatewayCommand(
  { name: 'create', description: 'Make an account or sub-account and its first key, which is shown this once' },
  {
    name: { type: 'positional', required: false, description: 'what it is called' },
    parent: PARENT_FLAG,
    ...LIMIT_FLAGS,
    tag: { type: 'string', description: 'what its calls are counted under, where they carry no tag' },
    ref: { type: 'string', description: "the owner's own name for it" },
  },
  {
    read(args) {
      const [name] = wordsOf(args, ['name'], 'accounts create takes one name.')
      const fields: AccountFields = {
        name: nameIn(name, 'The name'),
        ...limitsIn(args),
        defaultTag: args.tag === undefined ? null : nameIn(args.tag, '--tag', MAX_TAG_LENGTH),
        externalRef: args.ref === undefined ? null : nameIn(args.ref, '--ref'),
      }
      return { fields, parent: args.parent }
    },
    async run(gateway, { fields, parent }, { json }) {
      const owner = await ownerIn(gateway, parent)
      const account = await gateway.accounts.create(owner, fields)
      const { secret } = await gateway.keys.createPlain(account.id)
      if (json) return console.log(JSON.stringify({ ...asJson(account), key: secret }))
      console.log(`${account.id}\t${secret}`)
      console.error(`This is the key of ${JSON.stringify(account.name)}, shown this once.`)
    },
  },
)

const list = gatewayCommand(
  { name: 'list', description: "List the accounts and what their wallets have, or an account's sub-accounts" },
  { parent: PARENT_FLAG },
  {
    read(args) {
      refuseArguments('accounts list', args)
      return args.parent
    },
    async run(gateway, parent, { json }) {
      const owner = await ownerIn(gateway, parent)
      const lines: string[] = []
      for (const account of await gateway.accounts.list(owner, { limit: MOST_LISTED, after: undefined }))
        lines.push(await line(gateway, account, json))
      printLines(lines)
      if (lines.length === 0 && !json) console.error(`${owner} has no sub-accounts.`)
    },
  },
)

const remove = gatewayCommand(
  { name: 'delete', description: 'End an account or sub-account and its keys; what it used stays on record' },
  { account: { type: 'positional', required: false, description: 'the id, as list shows it' } },
  {
    read: (args) => wordsOf(args, ['account'], 'accounts delete takes the id of one account or sub-account.'),
    async run({ accounts: all }, [id], { json }) {
      const { parent_id: owner } = await all.find({ id, reach: 'all' })
      await all.remove({ id, owner })
      console.log(json ? JSON.stringify({ id, deleted: true }) : `${id} and its keys are no more.`)
    },
  },
)

export const accounts = defineCommand({
  meta: { name: 'accounts', description: 'Make, list and end accounts, each with a wallet, and their sub-accounts' },
  subCommands: { create, list, delete: remove },
})

async function ownerIn({ accounts: all }: Gateway, parent: string | undefined): Promise<string | null> {
  return parent === undefined ? null : (await all.get({ id: parent, owner: null })).id
}

async function line({ wallet }: Gateway, account: AccountRow, json: boolean): Promise<string> {
  const { id, name, parent_id: parentId } = account
  const money = parentId === null ? await wallet.balance(id) : undefined
  if (json) {
    const inWallet = money && { balance_usd: money.balanceMicros / 1e6, held_usd: money.heldMicros / 1e6 }
    return JSON.stringify({ ...asJson(account), ...inWallet })
  }
  return [id, ...(money ? [inDollars(money.balanceMicros)] : []), name, ...limitsInWords(account)].join('\t')
}

function asJson(row: AccountRow) {
  return {
    id: row.id,
    name: row.name,
    parent_id: row.parent_id,
    external_ref: row.external_ref,
    default_tag: row.default_tag,
    ...limitsAsJson(row),
    created_at: row.created_at,
  }
}
