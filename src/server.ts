import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createAllowList } from './catalog/allow-list.ts'
import type { CatalogModel } from './catalog/catalog.ts'
import type { Classifier, OpeningClassifier } from './classifier.ts'
import { type Config, ConfigError } from './config.ts'
import { aiGateway } from './dialects/aigateway/dialect.ts'
import { createOperations } from './dialects/aigateway/operations.ts'
import { huggingFace } from './dialects/huggingface/dialect.ts'
import { mcp } from './dialects/mcp/dialect.ts'
import { textEmbeddingsInference } from './dialects/text-embeddings-inference/dialect.ts'
import { WORKERS_AI_NAMES, workersAiDialects } from './dialects/workers-ai/dialect.ts'
import { createAdmission } from './gateway/admission.ts'
import { createAnswering } from './gateway/answering.ts'
import { createResultCache } from './gateway/cache.ts'
import { createCacheClearing } from './gateway/cache-clearing.ts'
import type { RateLimit } from './gateway/caller.ts'
import { createEvalWinners } from './gateway/eval-winners.ts'
import { createGateway, type Gateway } from './gateway/gateway.ts'
import type { ModelDirectory, ModelStatus } from './gateway/models.ts'
import type { ModelsOnDemand } from './gateway/models-on-demand.ts'
import { readPrices } from './gateway/price-file.ts'
import { createPriceList, type PriceList } from './gateway/prices.ts'
import { createResponders } from './gateway/responders.ts'
import { createKeyCheck } from './gateway/static-keys.ts'
import { createCallKeeper } from './gateway/stored-calls.ts'
import { createApp } from './http/app.ts'
import { createEvals } from './jobs/evals/evals.ts'
import { openJobs } from './jobs/jobs.ts'
import { createReplays } from './jobs/replays/replays.ts'
import { awaitArrival, type OnFailure } from './loading/arrival.ts'
import { createLoader, type Loader } from './loading/loader.ts'
import { createModelsOnDemand } from './loading/on-demand.ts'
import { createOnDemandFiles } from './loading/on-demand-files.ts'
import { beginOpening, type OpeningStore, type StoreState } from './store/opening.ts'
import { hubOptions, VERSION } from './version.ts'

/** How long refusals may take to leave when the server stops. */
const LAST_WORDS_MS = 400

/**
 * Who connected before the server was told to stop may still be in the system's queue, where the end of the server would cut them off.
 * The event loop takes one of them a turn; the queue has 511 at most, and the last one's request is read some turns later. A busy
 * server's turns are long, and whoever stops it waits.
 */
const TURNS_TO_TAKE = 520
const MOST_MS_TO_TAKE = 300

/** A server that listens. */
export type Server = {
  /** such as http://127.0.0.1:8484 */
  url: string
  models: readonly ModelStatus[]
  /**
   * Resolves when the store is open; requests that need it wait for that.
   *
   * @throws StoreError that says why it cannot be opened
   */
  opened: Promise<void>
  storeState(): StoreState
  /** Makes an admin key where there is none yet; it is never shown again. */
  firstAdminKey(): Promise<string | undefined>
  /**
   * Takes no more requests and lets those under way finish; when `drainMs` are over, tells the rest that it is shutting
   * down. Resolves when everything has stopped.
   */
  close(drainMs: number): Promise<void>
}

/**
 * Builds all the parts around a classifier, which it closes in the end, and listens once its models answer. Only then is the store opened,
 * which takes seconds of a core.
 */
export async function serve(classifier: OpeningClassifier, config: Config, logger: Logger): Promise<Server> {
  const { engine, directory, revisions } = classifier
  const loader = createLoader(engine)
  const onDemand = openModelsOnDemand(classifier, loader, config, logger)
  // Before anything else is opened: where they will not do, nothing but these has to be closed.
  let prices: PriceList
  try {
    prices = pricesIn(config, { directory, onDemand, logger })
  } catch (error) {
    await onDemand.close()
    await classifier.close()
    throw error
  }
  const kept = openGateway(config, logger, classifier.loaded)
  const { gateway } = kept
  const opening = kept.store.opened
  const cache = createResultCache({ maxBytes: config.cacheBytes, shared: config.shareCache })
  const admission = createAdmission({
    engine,
    directory,
    onDemand,
    revisions,
    responders: createResponders({
      engine,
      directory,
      revisions,
      configuration: classifier.upstreams,
      sharedAmong: cache.sharedAmong,
      keyOf: config.variable,
    }),
    answering: createAnswering({
      cache,
      onFailure: ({ servedBy }, err) => logger.warn({ err, servedBy }, 'a candidate failed'),
    }),
    clearCache: createCacheClearing(opening, cache),
    gateway,
    prices,
    isStaticKey: createKeyCheck(config.apiKeys),
    isOpen: config.apiKeys.length === 0 && !config.requireKeys,
    dialectLimits: dialectLimits(config),
    winners: createEvalWinners(opening),
    keeper: createCallKeeper({
      opening,
      days: config.keepCallsDays,
      onFailure: (err) => logger.error({ err }, 'a call could not be kept'),
    }),
    timeoutMs: config.timeoutMs,
  })
  const evals = createEvals({
    opening: gateway.ready.then(() => opening),
    admission,
    onError: (err) => logger.error({ err }, 'an eval failed'),
  })
  const replays = createReplays({
    opening,
    admission,
    keepDays: config.keepCallsDays,
    onError: (err) => logger.error({ err }, 'replays are in trouble'),
  })
  const jobs = gateway.ready.then(async () =>
    openJobs({
      store: await opening,
      dataDir: config.dataDir,
      operations: createOperations(admission),
      maxBodyBytes: config.maxBodyBytes,
      waitingTexts: () => engine.depth().waiting,
      allowPrivateWebhooks: config.allowPrivateWebhooks,
      userAgent: `valence/${VERSION}`,
      onError: (err) => logger.error({ err }, 'jobs are in trouble'),
    }),
  )
  jobs.catch((err: unknown) => {
    // Whoever waits for the store to open hears of that.
    if (kept.store.state() === 'open') logger.error({ err }, 'files, batches, jobs and webhooks could not be opened')
  })
  const closeJobs = async () => {
    // Nobody waits for a store that is still opening.
    if (kept.store.state() === 'open') await (await jobs.catch(() => undefined))?.close()
  }
  const options = {
    admission,
    depth: engine.depth,
    canRun: engine.canRun,
    backendOf: engine.backendOf,
    store: kept.store,
    version: VERSION,
    logger,
  }
  const cloudflare = workersAiDialects({
    answersItems: config.workersAiItems,
    dailyNeurons: config.workersAiDailyNeurons,
    maxBodyBytes: config.maxBodyBytes,
    jobs,
  })
  // AI Gateway is last: it answers for the addresses that are nobody's.
  const dialects = [
    ...cloudflare,
    huggingFace,
    textEmbeddingsInference({ version: VERSION, maxTexts: config.maxWaitingTexts }),
    mcp({ version: VERSION, origins: config.origins }),
    aiGateway({ evals, replays, jobs }),
  ]
  const made = createApp({ ...options, dialects, maxBodyBytes: config.maxBodyBytes })
  const app = await listening(made, classifier.loaded, config).catch(async (error) => {
    await closeJobs()
    await classifier.close()
    await Promise.all([evals.close(), replays.close()])
    await kept.close()
    throw error
  })
  // Once, for some ten milliseconds of the event loop, when the store has had it for longer.
  void gateway.ready.then(() => engine.giveMemoryBack()).catch(() => {})
  const arrivals = fetchWhatIsMissing(classifier, loader, config, logger)
  return {
    url: urlOf(app.server.address() as AddressInfo),
    models: admission.models(),
    opened: gateway.ready,
    storeState: kept.store.state,
    firstAdminKey: () => gateway.keys.firstAdminKey(),
    async close(drainMs) {
      const until = performance.now() + MOST_MS_TO_TAKE
      for (let turn = 0; turn < TURNS_TO_TAKE && performance.now() < until; turn++) await setImmediate()
      arrivals.abort()
      const onDemandEnded = onDemand.close()
      const closed = app.close()
      const comparisons = Promise.all([evals.close(), replays.close()])
      await Promise.race([closed, setTimeout(drainMs)])
      await closeJobs()
      await classifier.close()
      await Promise.all([arrivals.ended, onDemandEnded])
      await comparisons
      await kept.close()
      // What was refused just now is still being written; after that only clients are left that do not finish sending.
      await Promise.race([closed, setTimeout(LAST_WORDS_MS)])
      app.server.closeAllConnections()
      await closed
    },
  }
}

/** Workers AI's limit, which its two ways in have together. */
function dialectLimits({ workersAiRequestsPerMinute: requestsPerMinute }: Config): ReadonlyMap<string, RateLimit> {
  return new Map(WORKERS_AI_NAMES.map((name) => [name, { subject: 'workers-ai', requestsPerMinute }]))
}

/** Opens the store beside the server, which listens meanwhile. */
function openGateway(
  config: Config,
  logger: Logger,
  after: Promise<void>,
): { gateway: Gateway; store: OpeningStore; close(): Promise<void> } {
  const onTrouble = (err: unknown) => logger.error({ err }, 'the store is in trouble')
  const store = beginOpening({ ...config, onTrouble }, after)
  const gateway = createGateway({
    opening: store.opened,
    dataDir: config.dataDir,
    keySecret: config.keySecret,
    timeoutMs: config.timeoutMs,
    onTrouble: (err, what) => logger.error({ err }, what),
  })
  return {
    gateway,
    store,
    async close() {
      // One that is still opening is given up: nobody waits for it any more.
      if (store.state() === 'open') await gateway.close()
      await store.close()
    },
  }
}

/** @throws ConfigError where the file cannot be read or understood */
function pricesIn(
  { prices }: Config,
  { directory, onDemand, logger }: { directory: ModelDirectory; onDemand: ModelsOnDemand; logger: Logger },
): PriceList {
  if (prices === undefined) return createPriceList(new Map())
  const canonicalId = (name: string) => {
    const known = directory.find(name)
    // Any name may be one of the Hub's: a misspelt one would leave its model free in silence.
    if (!known) logger.warn({ model: name }, 'a price is for a model that is not in the catalog')
    return (known ?? onDemand.status(name) ?? directory.get(name)).model.id
  }
  try {
    return createPriceList(readPrices(readFileSync(prices, 'utf8'), canonicalId))
  } catch (error) {
    throw new ConfigError(`The prices in ${prices} will not do: ${(error as Error).message}`)
  }
}

/** The models that are loaded when somebody asks for them. */
function openModelsOnDemand(
  { engine, directory, revisions }: Classifier,
  loader: Loader,
  config: Config,
  logger: Logger,
) {
  const hub = hubOptions(config)
  return createModelsOnDemand({
    engine,
    loader,
    directory,
    revisions,
    files: createOnDemandFiles({
      places: { modelsDir: config.modelsDir, hubCacheDir: hub.cacheDir },
      hub,
      allowed: createAllowList(config.allowModels),
      maxBytes: config.modelMemoryBytes,
    }),
    maxBytes: config.modelMemoryBytes,
    holdMs: config.modelHoldMs,
    timeoutMs: config.timeoutMs,
    onFailure: (err, model) => logger.warn({ err, model }, 'a model could not be brought'),
  })
}

/** Fetches in the background what the catalog has on the Hub and this machine has not. */
function fetchWhatIsMissing(
  { directory, revisions }: Classifier,
  loader: Loader,
  config: Config,
  logger: Logger,
): { abort(): void; ended: Promise<unknown> } {
  const controller = new AbortController()
  const { signal } = controller
  const hub = hubOptions(config)
  const missing = hub.offline ? [] : directory.list().filter(({ state }) => state !== 'ready')
  const ended = Promise.all(
    missing.map(async ({ model }) => {
      if (!isOnHub(model)) return
      const onFailure: OnFailure = (err, tries, nextTryMs) => {
        const line = { err, model: model.id, tries, nextTryMs }
        // One line says it; that it still holds is for whoever asks.
        logger[tries === 1 || nextTryMs === undefined ? 'warn' : 'info'](line, 'a model could not be fetched')
      }
      await awaitArrival(model, { hub, loader, directory, revisions, onFailure, signal })
    }),
  )
  return { abort: () => controller.abort(), ended }
}

function isOnHub(model: CatalogModel): model is CatalogModel & { hubRepo: string } {
  return model.hubRepo !== undefined
}

async function listening(
  made: Promise<FastifyInstance>,
  loaded: Promise<void>,
  { host, port }: Config,
): Promise<FastifyInstance> {
  const app = await made
  await app.ready()
  await loaded
  await app.listen({ host, port })
  return app
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
