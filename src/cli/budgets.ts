import { defineCommand } from 'citty'
import { type Budget, MAX_TAG_LENGTH } from '../gateway/budgets.ts'
import { LOCAL_ACCOUNT_ID } from '../gateway/caller.ts'
import { inDollars, microsIn, nameIn } from './amounts.ts'
import { gatewayCommand, printLines, wordsOf } from './gateway-command.ts'
import { refuseArguments } from './settings.ts'

const ACCOUNT_FLAG = { type: 'string', description: `whose budgets (default ${LOCAL_ACCOUNT_ID})` } as const

const set = gatewayCommand(
  { name: 'set', description: "Set what an account's calls under a tag may cost a month" },
  {
    tag: { type: 'positional', required: false, description: 'as calls carry it in x-aig-tag' },
    dollars: { type: 'positional', required: false, description: 'what they may cost in a month' },
    account: ACCOUNT_FLAG,
  },
  {
    read(args) {
      const [tag, dollars] = wordsOf(args, ['tag', 'dollars'], 'budgets set takes a tag and an amount in dollars.')
      const monthlyCapMicros = microsIn(dollars, 'The amount')
      return { account: args.account, tag: nameIn(tag, 'The tag', MAX_TAG_LENGTH), monthlyCapMicros }
    },
    async run({ accounts, budgets: all }, { account = LOCAL_ACCOUNT_ID, ...budget }, { json }) {
      const { id } = await accounts.get({ id: account, owner: null })
      printLines([line(await all.set(id, budget), json)])
    },
  },
)

const list = gatewayCommand(
  { name: 'list', description: 'List the budgets of an account, and what of them is spent this month' },
  { account: ACCOUNT_FLAG },
  {
    read(args) {
      refuseArguments('budgets list', args)
      return args.account
    },
    async run({ accounts, budgets: all }, account = LOCAL_ACCOUNT_ID, { json }) {
      const { id } = await accounts.get({ id: account, owner: null })
      const rows = await all.list(id)
      printLines(rows.map((budget) => line(budget, json)))
      if (rows.length === 0 && !json) console.error(`${id} has no budgets.`)
    },
  },
)

const remove = gatewayCommand(
  { name: 'delete', description: 'Take a budget away, so that its tag may cost anything' },
  { budget: { type: 'positional', required: false, description: 'its id, as list shows it' }, account: ACCOUNT_FLAG },
  {
    read(args) {
      const [id] = wordsOf(args, ['budget'], 'budgets delete takes the id of one budget, such as bud_….')
      return { id, account: args.account }
    },
    async run({ budgets: all }, { id, account = LOCAL_ACCOUNT_ID }, { json }) {
      await all.remove({ id, accountId: account })
      console.log(json ? JSON.stringify({ id, deleted: true }) : `${id} is no more.`)
    },
  },
)

export const budgets = defineCommand({
  meta: { name: 'budgets', description: 'Cap what the calls of a tag may cost a month' },
  subCommands: { set, list, delete: remove },
})

function line({ id, tag, monthlyCapMicros, spentMicros }: Budget, json: boolean): string {
  if (json) return JSON.stringify({ id, tag, monthly_cap_usd: monthlyCapMicros / 1e6, spent_usd: spentMicros / 1e6 })
  return `${id}\t${tag}\t${inDollars(spentMicros)} of ${inDollars(monthlyCapMicros)}`
}
