import { inDollars, microsIn } from './amounts.ts'
import { gatewayCommand, wordsOf } from './gateway-command.ts'

export const topup = gatewayCommand(
  { name: 'topup', description: "Credit an account's wallet with what was paid for it, less 5%" },
  {
    account: { type: 'positional', required: false, description: 'the id of an account, as "accounts list" shows it' },
    amount: { type: 'positional', required: false, description: 'what was paid, in dollars' },
    'idempotency-key': { type: 'string', description: 'the same one tops up once, however often it is said' },
  },
  {
    read(args) {
      const mistake = 'topup takes an account and an amount in dollars: valence topup acct_… 10.'
      const [accountId, amount] = wordsOf(args, ['account', 'amount'], mistake)
      const idempotencyKey: string | undefined = args['idempotency-key']
      return { accountId, paidMicros: microsIn(amount, 'The amount'), idempotencyKey }
    },
    async run({ wallet }, payment, { json }) {
      const { id, paidMicros, feeMicros, creditMicros, balanceMicros } = await wallet.topUp(payment)
      const { accountId } = payment
      if (json) {
        const dollars = { paid_usd: paidMicros / 1e6, fee_usd: feeMicros / 1e6, credited_usd: creditMicros / 1e6 }
        return console.log(JSON.stringify({ id, account_id: accountId, ...dollars, balance_usd: balanceMicros / 1e6 }))
      }
      console.log(
        `${inDollars(paidMicros)} paid, ${inDollars(feeMicros)} fee, ${inDollars(creditMicros)} credited; ` +
          `${accountId} has ${inDollars(balanceMicros)}.`,
      )
    },
  },
)
