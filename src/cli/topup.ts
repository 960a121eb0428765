import { type ArgsDef, defineCommand } from 'citty'
import { inDollars, microsIn } from './amounts.ts'
import { configFrom, STORE_FLAGS, UsageError } from './settings.ts'
import { withGateway } from './with-gateway.ts'

const ARGS = {
  account: { type: 'positional', required: false, description: 'the id of an account, as "accounts list" shows it' },
  amount: { type: 'positional', required: false, description: 'what was paid, in dollars' },
  ...STORE_FLAGS,
  'idempotency-key': { type: 'string', description: 'the same one tops up once, however often it is said' },
  json: { type: 'boolean', description: 'print JSON' },
} as const satisfies ArgsDef

export const topup = defineCommand({
  meta: { name: 'topup', description: "Credit an account's wallet with what was paid for it, less 5%" },
  args: ARGS,
  async run({ args }) {
    const config = configFrom(args, ARGS)
    const [accountId, amount, ...more] = args._
    if (accountId === undefined || amount === undefined || more.length > 0) {
      throw new UsageError('topup takes an account and an amount in dollars: valence topup acct_… 10.')
    }
    const paidMicros = microsIn(amount, 'The amount')
    await withGateway(config, async ({ wallet }) => {
      const done = await wallet.topUp({ accountId, paidMicros, idempotencyKey: args['idempotency-key'] })
      if (args.json) {
        const { id, feeMicros, creditMicros, balanceMicros } = done
        const dollars = { paid_usd: paidMicros / 1e6, fee_usd: feeMicros / 1e6, credited_usd: creditMicros / 1e6 }
        return console.log(JSON.stringify({ id, account_id: accountId, ...dollars, balance_usd: balanceMicros / 1e6 }))
      }
      console.log(
        `${inDollars(done.paidMicros)} paid, ${inDollars(done.feeMicros)} fee, ${inDollars(done.creditMicros)} credited; ` +
          `${accountId} has ${inDollars(done.balanceMicros)}.`,
      )
    })
  },
})
