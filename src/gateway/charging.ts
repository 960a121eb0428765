import { asValenceError, type ErrorCode } from '../errors.ts'
import type { UsageRecord } from '../store/usage.ts'
import { type Caller, walletOf } from './caller.ts'
import type { Meter } from './meter.ts'
import { costMicros, type Price } from './prices.ts'
import type { Held, WalletOffice } from './wallet.ts'

/** A call as far as its account is concerned. */
export type AccountedCall = {
  caller: Caller
  requestId: string
  route: string
  tag: string | undefined
  /** the canonical id */
  model: string
  servedBy: string
  texts: number
  /** of work that may be done again, the same each time: it is charged and metered once */
  workId?: string | undefined
  /** undefined is free */
  bill: { price: Price; highestMicros: number } | undefined
}

/** What a call did, or had done when its client went away. */
export type Work = { servedBy: string; tokens: number; computedTokens: number }

/** Failures before anything ran; nobody's usage. */
const NOT_RUN: ReadonlySet<ErrorCode> = new Set(['busy', 'invalid_request', 'shutting_down'])

/**
 * Runs a call: money is held before it, charged after it, and the call is metered, once.
 *
 * A call that fails is free. One whose client went away pays for the texts that had been computed by then.
 *
 * @param run does the work; tells of it as it goes on by the function that it is handed
 * @param workOf what was done, told from what `run` gives
 * @throws ValenceError `insufficient_credits`, `budget_exceeded`, and what `run` throws
 */
export async function runAccounted<T>(
  { wallet, meter }: { wallet: WalletOffice; meter: Meter },
  call: AccountedCall,
  run: (computed: (tokens: number) => void) => Promise<T>,
  workOf: (done: T) => Work,
): Promise<{ done: T; costMicros: number }> {
  const startedAt = performance.now()
  const createdAt = new Date().toISOString()
  const usage = (status: 'ok' | ErrorCode, work: Work, cost: number): UsageRecord => ({
    // A try that failed may be followed by one that does not, and is another's record.
    id: status === 'ok' && call.workId !== undefined ? `use_${call.workId}` : meter.newId(),
    requestId: call.requestId,
    accountId: call.caller.accountId,
    keyId: call.caller.keyId ?? null,
    route: call.route,
    model: call.model,
    servedBy: work.servedBy,
    tag: call.tag ?? null,
    status,
    texts: call.texts,
    tokens: work.tokens,
    costMicros: cost,
    latencyMs: performance.now() - startedAt,
    createdAt,
  })
  let doneTokens = 0
  const held = call.bill && (await hold(wallet, call, call.bill.highestMicros))
  try {
    const done = await run((tokens) => {
      doneTokens += tokens
    })
    const work = workOf(done)
    const cost = call.bill ? costMicros(call.bill.price, work.computedTokens) : 0
    const record = usage('ok', work, cost)
    // Of work that was charged before, the record is there as well, and stays as it is.
    if (held) await wallet.settle(held, cost, record)
    else await meter.record(record)
    return { done, costMicros: cost }
  } catch (thrown) {
    const { code } = asValenceError(thrown)
    const work = { servedBy: call.servedBy, tokens: doneTokens, computedTokens: doneTokens }
    if (held && call.bill && code === 'aborted' && doneTokens > 0) {
      const cost = costMicros(call.bill.price, doneTokens)
      await wallet.settle(held, cost, usage(code, work, cost))
    } else {
      // What cannot be released now comes free when its lease ends.
      if (held) await wallet.release(held).catch(() => {})
      if (!NOT_RUN.has(code)) await meter.record(usage(code, work, 0))
    }
    throw thrown
  }
}

function hold(wallet: WalletOffice, call: AccountedCall, amountMicros: number): Promise<Held | undefined> {
  const payer = payerOf(call)
  return call.workId === undefined
    ? wallet.reserve(payer, amountMicros)
    : wallet.reserveOnce(payer, amountMicros, call.workId)
}

function payerOf({ caller, tag }: AccountedCall) {
  return { walletId: walletOf(caller), accountId: caller.accountId, keyId: caller.keyId, tag }
}
