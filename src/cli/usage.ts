import { LOCAL_ACCOUNT_ID } from '../gateway/caller.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { monthOf } from '../gateway/money.ts'
import { type Days, daysOfMonth, type UsageSum } from '../gateway/usage.ts'
import { inDollars } from './amounts.ts'
import { gatewayCommand, printLines } from './gateway-command.ts'
import { refuseArguments, UsageError } from './settings.ts'

const KINDS = ['tag', 'model', 'day', 'sub-account'] as const

export const usage = gatewayCommand(
  { name: 'usage', description: 'Show what an account used in a month' },
  {
    account: { type: 'string', description: `whose usage, its sub-accounts' included (default ${LOCAL_ACCOUNT_ID})` },
    by: { type: 'string', description: 'tag, model, day or sub-account (default day)' },
    month: { type: 'string', description: 'a month in UTC, such as 2026-04 (default this one)' },
  },
  {
    read(args) {
      refuseArguments('usage', args)
      const { account = LOCAL_ACCOUNT_ID, by = 'day', month = monthOf(new Date()) } = args
      if (!/^2\d{3}-(0[1-9]|1[0-2])$/.test(month)) throw new UsageError('--month must be a month such as 2026-04.')
      const kind = KINDS.find((each) => each === by)
      if (kind === undefined) throw new UsageError('--by must be tag, model, day or sub-account.')
      return { account, kind, month }
    },
    async run(gateway, { account, kind, month }, { json }) {
      const { id } = await gateway.accounts.find({ id: account, reach: 'all' })
      const rows = await sumsBy(gateway, kind, id, daysOfMonth(month))
      printLines(rows.map(json ? asJson : inWords))
      if (rows.length === 0 && !json) console.error(`${id} used nothing in ${month}.`)
    },
  },
)

type Sum = UsageSum & { label: string }

async function sumsBy(
  { usage: all }: Gateway,
  kind: (typeof KINDS)[number],
  accountId: string,
  days: Days,
): Promise<Sum[]> {
  if (kind !== 'sub-account') return all.by(kind, accountId, days)
  const rows = await all.bySubAccount(accountId, days)
  return rows.map(({ id, name, ...sums }) => ({ ...sums, label: `${name} (${id})` }))
}

function asJson({ label, requests, tokens, costMicros }: Sum): string {
  return JSON.stringify({ label, requests, tokens, cost_usd: costMicros / 1e6 })
}

function inWords({ label, requests, tokens, costMicros }: Sum): string {
  return `${label || 'untagged'}\t${requests} requests\t${tokens} tokens\t${inDollars(costMicros)}`
}
