import { ValenceError } from '../../errors.ts'
import type { Caller } from '../../gateway/caller.ts'
import { lockAccount } from '../../store/account-lock.ts'
import {
  type BatchRow,
  cancelBatch,
  countUnfinished,
  findBatch,
  insertBatch,
  listBatches,
  type NewBatch,
} from '../../store/batches.ts'
import { holdFile, type Page } from '../../store/files.ts'
import { newId } from '../ids.ts'
import type { BatchContext } from './context.ts'

export type { BatchRow }

/** What an account may have under way, so that one tenant's batches cannot fill the queue of all. */
const MAX_UNFINISHED = 100

const WINDOW_MS = 24 * 3_600_000

export type BatchRequest = {
  inputFileId: string
  endpoint: string
  metadata: Record<string, string> | null
  tag: string | undefined
  webhookUrl: string | undefined
}

/** The batches of accounts. Nobody sees those of another. */
export type Batches = {
  /** @throws ValenceError `invalid_request`, `not_found` for the file */
  create(caller: Caller, request: BatchRequest): Promise<BatchRow>
  list(accountId: string, page: Page): Promise<{ rows: BatchRow[]; hasMore: boolean }>
  /** @throws ValenceError `not_found` */
  get(accountId: string, id: string): Promise<BatchRow>
  /** @throws ValenceError `not_found`, `conflict` where it is over or about to be */
  cancel(accountId: string, id: string): Promise<BatchRow>
}

export function createBatches(context: BatchContext): Batches {
  const { db } = context.store
  return {
    async create(caller, { inputFileId, endpoint, metadata, tag, webhookUrl }) {
      if (!context.operations.byPath.has(endpoint)) {
        const known = [...context.operations.byPath.keys()].join(' or ')
        throw new ValenceError('invalid_request', `endpoint must be ${known}.`, { field: 'endpoint' })
      }
      return db
        .transaction()
        .execute(async (transaction) => {
          const file = await holdFile(transaction, caller.accountId, inputFileId)
          if (!file) throw noInput(inputFileId)
          if (file.purpose !== 'batch') {
            throw new ValenceError(
              'invalid_request',
              `The file ${inputFileId} was not uploaded with the purpose "batch".`,
              {
                field: 'input_file_id',
              },
            )
          }
          return enqueue(context, transaction, {
            id: newId('batch_'),
            kind: 'batch',
            accountId: caller.accountId,
            caller,
            tag,
            endpoint,
            completionWindow: '24h',
            metadata,
            webhookUrl,
            model: undefined,
            inputFileId,
            inputContentId: file.content_id,
            total: undefined,
          })
        })
        .then((batch) => woken(context, batch))
    },
    async list(accountId, page) {
      const rows = await listBatches(db, 'batch', accountId, page)
      return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit }
    },
    async get(accountId, id) {
      const batch = await findBatch(db, 'batch', accountId, id)
      if (!batch) throw noBatch(id)
      return batch
    },
    async cancel(accountId, id) {
      const batch = await cancelBatch(db, 'batch', accountId, id)
      if (batch) {
        await context.queue.send('batch', { batchId: id }, { key: id })
        return batch
      }
      const known = await findBatch(db, 'batch', accountId, id)
      if (!known) throw noBatch(id)
      if (known.status === 'cancelling') return known
      throw new ValenceError('conflict', `A batch with the status ${known.status} cannot be cancelled.`)
    },
  }
}

/** @throws ValenceError `invalid_request` where the account has too much under way */
export async function refuseTooMany(db: BatchContext['store']['db'], accountId: string): Promise<void> {
  if ((await countUnfinished(db, accountId)) < MAX_UNFINISHED) return
  throw new ValenceError(
    'invalid_request',
    `This account has ${MAX_UNFINISHED} batches and jobs under way; wait for one to end, or cancel one.`,
  )
}

type Transaction = Parameters<typeof holdFile>[0]

/**
 * Keeps a batch and has the queue come to it, both or neither. The queue is to be woken when the transaction is over.
 *
 * @throws ValenceError `invalid_request` where the account has too much under way
 */
export async function enqueue(
  { queue }: BatchContext,
  transaction: Transaction,
  batch: Omit<NewBatch, 'expiresAt'>,
): Promise<BatchRow> {
  await lockAccount(transaction, batch.accountId, 'batches')
  await refuseTooMany(transaction, batch.accountId)
  const row = await insertBatch(transaction, { ...batch, expiresAt: new Date(Date.now() + WINDOW_MS) })
  await queue.send('batch', { batchId: row.id }, { transaction, key: row.id })
  return row
}

export function woken({ queue }: BatchContext, batch: BatchRow): BatchRow {
  queue.wake('batch')
  return batch
}

function noInput(id: string): ValenceError {
  return new ValenceError('not_found', `There is no file ${id.slice(0, 100)}.`, { field: 'input_file_id' })
}

function noBatch(id: string): ValenceError {
  return new ValenceError('not_found', `There is no batch ${id.slice(0, 100)}.`)
}
