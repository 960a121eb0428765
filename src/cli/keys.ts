import { defineCommand } from 'citty'
import { LOCAL_ACCOUNT_ID } from '../gateway/caller.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { KeyFields, KeyRow } from '../gateway/keys.ts'
import { countIn, nameIn } from './amounts.ts'
import { gatewayCommand, MOST_LISTED, printLines, wordsOf } from './gateway-command.ts'
import { LIMIT_FLAGS, limitsAsJson, limitsIn, limitsInWords } from './limits.ts'
import { refuseArguments } from './settings.ts'

const ACCOUNT_FLAG = {
  type: 'string',
  description: `whose keys: an account or sub-account (default ${LOCAL_ACCOUNT_ID}, the operator's own)`,
} as const

const KEY_WORD = {
  key: { type: 'positional', required: false, description: 'the id of a key, as list shows it' },
} as const

const MAX_DAYS = 36_500

const create = gatewayCommand(
  { name: 'create', description: 'Make a key, and show it this once' },
  {
    account: ACCOUNT_FLAG,
    name: { type: 'string', description: 'what it is for' },
    admin: { type: 'boolean', description: "make it an operator's key, which may do everything" },
    ...LIMIT_FLAGS,
    expires: { type: 'string', description: 'days after which it is refused' },
  },
  {
    read(args) {
      refuseArguments('keys create', args)
      const fields: KeyFields = {
        name: args.name === undefined ? null : nameIn(args.name, '--name'),
        ...limitsIn(args),
        expiresAt: args.expires === undefined ? null : inDays(countIn(args.expires, '--expires', MAX_DAYS)),
      }
      return { fields, account: args.account, isAdmin: args.admin === true }
    },
    async run(gateway, { fields, account, isAdmin }, { json }) {
      const accountId = await accountIn(gateway, account)
      showSecret(await gateway.keys.create({ ...fields, accountId, isAdmin }), json)
    },
  },
)

const list = gatewayCommand(
  { name: 'list', description: 'List the keys of an account' },
  { account: ACCOUNT_FLAG },
  {
    read(args) {
      refuseArguments('keys list', args)
      return args.account
    },
    async run(gateway, account, { json }) {
      const id = await accountIn(gateway, account)
      const rows = await gateway.keys.list(id, { limit: MOST_LISTED, after: undefined }, { withAdmin: true })
      printLines(rows.map((row) => (json ? JSON.stringify(asJson(row)) : inWords(row))))
      if (rows.length === 0 && !json) console.error(`${id} has no keys.`)
    },
  },
)

const rotate = gatewayCommand(
  { name: 'rotate', description: 'Give a key its next secret; the old one dies when the new one is first used' },
  KEY_WORD,
  {
    read: (args) => keyIn('rotate', args),
    async run({ keys: all, accounts }, keyId, { json }) {
      const { id, account_id: accountId } = await all.find({ id: keyId, reach: 'all' })
      const { parent_id: parentId } = await accounts.find({ id: accountId, reach: 'all' })
      showSecret(await all.rotate({ id, accountId }, parentId ?? accountId), json)
    },
  },
)

const revoke = gatewayCommand({ name: 'revoke', description: 'End a key at once' }, KEY_WORD, {
  read: (args) => keyIn('revoke', args),
  async run({ keys: all }, keyId, { json }) {
    const { id, account_id: accountId } = await all.find({ id: keyId, reach: 'all' })
    await all.revoke({ id, accountId })
    console.log(json ? JSON.stringify({ id, revoked: true }) : `${id} is revoked.`)
  },
})

export const keys = defineCommand({
  meta: { name: 'keys', description: 'Make, list, rotate and revoke API keys' },
  subCommands: { create, list, rotate, revoke },
})

async function accountIn({ accounts }: Gateway, account = LOCAL_ACCOUNT_ID): Promise<string> {
  return (await accounts.find({ id: account, reach: 'all' })).id
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * 86_400_000)
}

function keyIn(command: string, args: { _: string[] }): string {
  const mistake = `keys ${command} takes the id of one key, such as key_…; "valence keys list" shows them.`
  return wordsOf(args, ['key'], mistake)[0]
}

function showSecret({ key, secret }: { key: KeyRow; secret: string }, json: boolean): void {
  console.log(json ? JSON.stringify({ ...asJson(key), key: secret }) : secret)
  if (!json) console.error(`This is ${key.id} of ${key.account_id}, shown this once.`)
}

function asJson(row: KeyRow) {
  return {
    id: row.id,
    account_id: row.account_id,
    name: row.name,
    hint: row.hint,
    is_admin: row.is_admin,
    ...limitsAsJson(row),
    expires_at: row.expires_at,
    created_at: row.created_at,
  }
}

function inWords(row: KeyRow): string {
  const parts = [
    row.id,
    row.hint,
    row.name ?? '',
    row.is_admin ? 'admin' : '',
    ...limitsInWords(row),
    row.expires_at === null ? '' : `until ${row.expires_at.toISOString()}`,
  ]
  return parts.filter((part) => part !== '').join('\t')
}
