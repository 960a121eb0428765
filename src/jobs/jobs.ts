import { abandonedBatches, deleteBatchesOlderThan, releaseAllLeases } from '../store/batches.ts'
import type { Store } from '../store/store.ts'
import { deleteDeliveriesOlderThan, deleteEventsOlderThan, overdueDeliveries } from '../store/webhooks.ts'
import { type Batches, createBatches } from './batches/batches.ts'
import type { Operations } from './batches/operations.ts'
import { type BatchWork, workOnBatch } from './batches/worker.ts'
import { type ClassificationJobs, createClassificationJobs } from './classification-jobs.ts'
import { createFiles, type Files } from './files/files.ts'
import { openContents } from './files/open-contents.ts'
import { openQueue, type Queue } from './queue.ts'
import { openSignedLinks, type SignedLinks } from './signed-links.ts'
import { type DeliveryWork, deliver } from './webhooks/deliver.ts'
import { relayEvents } from './webhooks/relay.ts'
import { createSender } from './webhooks/send.ts'
import { createWebhooks, type Webhooks } from './webhooks/webhooks.ts'

/** Whatever outlives the request that asked for it. */
export type Jobs = {
  files: Files
  batches: Batches
  classificationJobs: ClassificationJobs
  webhooks: Webhooks
  signedLinks: SignedLinks
  /** Stops what is under way, which goes on at the next start, and waits for it. */
  close(): Promise<void>
}

export type JobsOptions = {
  store: Store
  /** where files lie, beside a store of this machine's own */
  dataDir: string
  operations: Operations
  /** what the body of a request may have at most, and so a line of a batch */
  maxBodyBytes: number
  /** texts that wait in the engine */
  waitingTexts: () => number
  allowPrivateWebhooks: boolean
  userAgent: string
  onError: (error: unknown) => void
}

/** One, since lines of a batch are many at once and more batches would only wait for one another. */
const BATCHES_AT_ONCE = 1

/** Receivers take up to 10 s for an answer; these many may do so before others wait. */
const DELIVERIES_AT_ONCE = 8

/** As long as no more texts than this wait, whoever sends one does not notice a batch. */
const QUIET_TEXTS = 8

/** How soon webhooks are told of what other parts put into the outbox. */
const RELAY_MS = 3000

/** How soon a batch goes on whose process has died, where the queue does not come back to it by itself. */
const SWEEP_MS = 30_000

const CLEAN_UP_MS = 600_000

/** What a webhook was sent can be looked up, and sent again, for this long. */
const KEEP_DELIVERIES_DAYS = 30

/** Three times as long as the files that a batch has made. */
const KEEP_BATCHES_DAYS = 90

/** A delivery that is so late was lost by the queue, which may come from a backup that is older than the rest. */
const OVERDUE_MINUTES = 5

/** Opens files, batches, jobs and webhooks on a store, and takes up what an earlier process left. */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { store, onError } = options
  const contents = await openContents(store, options.dataDir)
  const queue = await openQueue(store, ['batch', 'webhook'], { onError })
  const files = createFiles(store, contents)
  const context = {
    store,
    contents,
    queue,
    operations: options.operations,
    maxLineBytes: options.maxBodyBytes,
    isQuiet: () => options.waitingTexts() <= QUIET_TEXTS,
  }
  // Nobody else can have this store open: whoever held a batch is dead.
  if (store.kind === 'embedded') await releaseAllLeases(store.db)
  await queue.work<BatchWork>('batch', { concurrency: BATCHES_AT_ONCE }, (work, signal) =>
    workOnBatch(context, work, signal),
  )
  const send = createSender({ allowPrivate: options.allowPrivateWebhooks, userAgent: options.userAgent })
  const underWay = new Map<string, number>()
  await queue.work<DeliveryWork>('webhook', { concurrency: DELIVERIES_AT_ONCE }, (work, signal) =>
    deliver({ store, queue, send, underWay }, work, signal),
  )
  await sweep(store, queue)
  const stopTimers = [
    every(RELAY_MS, () => relayEvents({ store, queue }), onError),
    every(SWEEP_MS, () => sweep(store, queue), onError),
    every(CLEAN_UP_MS, () => cleanUp(store, files), onError),
  ]
  return {
    files,
    batches: createBatches(context),
    classificationJobs: createClassificationJobs(context),
    signedLinks: await openSignedLinks(store),
    webhooks: createWebhooks(store, { queue, allowPrivate: options.allowPrivateWebhooks }),
    async close() {
      await Promise.all(stopTimers.map((stop) => stop()))
      await queue.close()
    },
  }
}

/** Has the queue come to what it should have come to by now. */
async function sweep({ db }: Store, queue: Queue): Promise<void> {
  for (const batchId of await abandonedBatches(db)) await queue.send('batch', { batchId }, { key: batchId })
  for (const deliveryId of await overdueDeliveries(db, OVERDUE_MINUTES)) {
    await queue.send('webhook', { deliveryId }, { key: deliveryId })
  }
}

async function cleanUp({ db }: Store, files: Files): Promise<void> {
  await files.cleanUp()
  await deleteDeliveriesOlderThan(db, KEEP_DELIVERIES_DAYS)
  await deleteEventsOlderThan(db, KEEP_DELIVERIES_DAYS)
  await deleteBatchesOlderThan(db, KEEP_BATCHES_DAYS)
}

/**
 * Does something again and again, never twice at once.
 *
 * @returns what stops it, and waits for the last time
 */
function every(ms: number, work: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let underWay = Promise.resolve()
  let isBusy = false
  const timer = setInterval(() => {
    if (isBusy) return
    isBusy = true
    underWay = work()
      .catch(onError)
      .finally(() => {
        isBusy = false
      })
  }, ms)
  return async () => {
    clearInterval(timer)
    await underWay
  }
}
