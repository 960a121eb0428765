import { type ArgsDef, defineCommand } from 'citty'
import { LOCAL_ACCOUNT_ID } from '../gateway/caller.ts'
import type { KeyFields, KeyRow } from '../gateway/keys.ts'
import { countIn, inDollars, microsIn } from './amounts.ts'
import { configFrom, refuseArguments, STORE_FLAGS, UsageError } from './settings.ts'
import { printLines, withGateway } from './with-gateway.ts'

const JSON_FLAG = { type: 'boolean', description: 'print JSON' } as const

const ACCOUNT_FLAG = {
  type: 'string',
  description: `whose keys: an account or sub-account (default ${LOCAL_ACCOUNT_ID}, the operator's own)`,
} as const

const CREATE_ARGS = {
  ...STORE_FLAGS,
  account: ACCOUNT_FLAG,
  name: { type: 'string', description: 'what it is for' },
  admin: { type: 'boolean', description: "make it an operator's key, which may do everything" },
  models: { type: 'string', description: 'the models that it may use, separated by commas: huggingface/*' },
  'spend-cap': { type: 'string', description: 'dollars that it may spend in a month' },
  rpm: { type: 'string', description: 'requests that it may send in a minute' },
  expires: { type: 'string', description: 'days after which it is refused' },
  json: JSON_FLAG,
} as const satisfies ArgsDef

const LIST_ARGS = { ...STORE_FLAGS, account: ACCOUNT_FLAG, json: JSON_FLAG } as const satisfies ArgsDef

const ONE_ARGS = {
  key: { type: 'positional', required: false, description: 'the id of a key, as list shows it' },
  ...STORE_FLAGS,
  json: JSON_FLAG,
} as const satisfies ArgsDef

/** A list longer than this is for the API, which pages. */
const MOST_LISTED = 1000

const MAX_DAYS = 36_500

export const keys = defineCommand({
  meta: { name: 'keys', description: 'Make, list, rotate and revoke API keys' },
  subCommands: {
    create: defineCommand({
      meta: { name: 'create', description: 'Make a key, and show it this once' },
      args: CREATE_ARGS,
      async run({ args }) {
        const config = configFrom(args, CREATE_ARGS)
        refuseArguments('keys create', args)
        const fields = fieldsIn(args)
        await withGateway(config, async (gateway) => {
          const { id: accountId } = await gateway.accounts.find({ id: args.account ?? LOCAL_ACCOUNT_ID, reach: 'all' })
          const made = await gateway.keys.create({ ...fields, accountId, isAdmin: args.admin === true })
          showSecret(made, args.json === true)
        })
      },
    }),
    list: defineCommand({
      meta: { name: 'list', description: 'List the keys of an account' },
      args: LIST_ARGS,
      async run({ args }) {
        const config = configFrom(args, LIST_ARGS)
        refuseArguments('keys list', args)
        await withGateway(config, async (gateway) => {
          const { id } = await gateway.accounts.find({ id: args.account ?? LOCAL_ACCOUNT_ID, reach: 'all' })
          const rows = await gateway.keys.list(id, { limit: MOST_LISTED, after: undefined }, { withAdmin: true })
          printLines(rows.map((row) => (args.json ? JSON.stringify(asJson(row)) : inWords(row))))
          if (rows.length === 0 && !args.json) console.error(`${id} has no keys.`)
        })
      },
    }),
    rotate: defineCommand({
      meta: {
        name: 'rotate',
        description: 'Give a key its next secret; the old one dies when the new one is first used',
      },
      args: ONE_ARGS,
      async run({ args }) {
        const config = configFrom(args, ONE_ARGS)
        await withGateway(config, async ({ keys: all, accounts }) => {
          const { id, account_id: accountId } = await all.find({ id: keyIn('rotate', args._), reach: 'all' })
          const { parent_id: parentId } = await accounts.find({ id: accountId, reach: 'all' })
          showSecret(await all.rotate({ id, accountId }, parentId ?? accountId), args.json === true)
        })
      },
    }),
    revoke: defineCommand({
      meta: { name: 'revoke', description: 'End a key at once' },
      args: ONE_ARGS,
      async run({ args }) {
        const config = configFrom(args, ONE_ARGS)
        await withGateway(config, async ({ keys: all }) => {
          const { id, account_id: accountId } = await all.find({ id: keyIn('revoke', args._), reach: 'all' })
          await all.revoke({ id, accountId })
          console.log(args.json ? JSON.stringify({ id, revoked: true }) : `${id} is revoked.`)
        })
      },
    }),
  },
})

type Given = Partial<Record<'name' | 'models' | 'spend-cap' | 'rpm' | 'expires', string | undefined>>

function fieldsIn({ name, models, 'spend-cap': spendCap, rpm, expires }: Given): KeyFields {
  return {
    name: name ?? null,
    allowedModels: models === undefined ? null : models.split(',').map((pattern) => pattern.trim()),
    monthlyCapMicros: spendCap === undefined ? null : microsIn(spendCap, '--spend-cap'),
    requestsPerMinute: rpm === undefined ? null : countIn(rpm, '--rpm', 1_000_000),
    expiresAt: expires === undefined ? null : inDays(countIn(expires, '--expires', MAX_DAYS)),
  }
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * 86_400_000)
}

function keyIn(command: string, [id, ...more]: string[]): string {
  if (id !== undefined && more.length === 0) return id
  throw new UsageError(`keys ${command} takes the id of one key, such as key_…; "valence keys list" shows them.`)
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
    allowed_models: row.allowed_models,
    spend_cap_usd: row.monthly_cap_micros === null ? null : row.monthly_cap_micros / 1e6,
    rate_limit_rpm: row.requests_per_minute,
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
    row.allowed_models === null ? '' : `models ${row.allowed_models.join(', ')}`,
    row.monthly_cap_micros === null ? '' : `${inDollars(row.monthly_cap_micros)} a month`,
    row.requests_per_minute === null ? '' : `${row.requests_per_minute} a minute`,
    row.expires_at === null ? '' : `until ${row.expires_at.toISOString()}`,
  ]
  return parts.filter((part) => part !== '').join('\t')
}
