import { type ArgsDef, defineCommand } from 'citty'
import { LOCAL_ACCOUNT_ID } from '../gateway/caller.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { monthOf } from '../gateway/money.ts'
import { type Days, daysOfMonth, type UsageSum } from '../gateway/usage.ts'
import { inDollars } from './amounts.ts'
import { configFrom, refuseArguments, STORE_FLAGS, UsageError } from './settings.ts'
import { printLines, withGateway } from './with-gateway.ts'

const ARGS = {
  ...STORE_FLAGS,
  account: { type: 'string', description: `whose usage, its sub-accounts' included (default ${LOCAL_ACCOUNT_ID})` },
  by: { type: 'string', description: 'tag, model, day or sub-account (default day)' },
  month: { type: 'string', description: 'a month in UTC, such as 2026-04 (default this one)' },
  json: { type: 'boolean', description: 'print one JSON object a line' },
} as const satisfies ArgsDef

export const usage = defineCommand({
  meta: { name: 'usage', description: 'Show what an account used in a month' },
  args: ARGS,
  async run({ args }) {
    const config = configFrom(args, ARGS)
    refuseArguments('usage', args)
    const { account = LOCAL_ACCOUNT_ID, by = 'day', month = monthOf(new Date()) } = args
    if (!/^2\d{3}-(0[1-9]|1[0-2])$/.test(month)) throw new UsageError('--month must be a month such as 2026-04.')
    await withGateway(config, async (gateway) => {
      const { id } = await gateway.accounts.find({ id: account, reach: 'all' })
      const rows = await sumsBy(gateway, by, id, daysOfMonth(month))
      printLines(rows.map(args.json ? asJson : inWords))
      if (rows.length === 0 && !args.json) console.error(`${id} used nothing in ${month}.`)
    })
  },
})

type Sum = UsageSum & { label: string }

async function sumsBy({ usage: all }: Gateway, by: string, accountId: string, days: Days): Promise<Sum[]> {
  if (by === 'tag' || by === 'model' || by === 'day') return all.by(by, accountId, days)
  if (by !== 'sub-account') throw new UsageError('--by must be tag, model, day or sub-account.')
  const rows = await all.bySubAccount(accountId, days)
  return rows.map(({ id, name, ...sums }) => ({ ...sums, label: `${name} (${id})` }))
}

function asJson({ label, requests, tokens, costMicros }: Sum): string {
  return JSON.stringify({ label, requests, tokens, cost_usd: costMicros / 1e6 })
}

function inWords({ label, requests, tokens, costMicros }: Sum): string {
  return `${label || 'untagged'}\t${requests} requests\t${tokens} tokens\t${inDollars(costMicros)}`
}
