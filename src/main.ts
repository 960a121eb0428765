import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { CATALOG, type CatalogModel } from './catalog/catalog.ts'
import { findModelFolder } from './catalog/folder.ts'
import type { Config } from './config.ts'
import { defaultActivation } from './convert/activation.ts'
import type { ClassifierConfig } from './convert/config.ts'
import { openModelFolder } from './convert/model-folder.ts'
import { aiGateway } from './dialects/aigateway/dialect.ts'
import { huggingFace } from './dialects/huggingface/dialect.ts'
import { workersAi } from './dialects/workers-ai/dialect.ts'
import { createEngine, type Engine, type EngineModel } from './engine/engine.ts'
import { createTokenizer } from './engine/tokenizer/tokenizer.ts'
import { createAdmission } from './gateway/admission.ts'
import { createKeyCheck } from './gateway/keys.ts'
import { createModelDirectory, type ModelDirectory, type ModelStatus } from './gateway/models.ts'
import { type AppOptions, createApp } from './http/app.ts'

/** How long refusals may take to leave when the server stops. */
const LAST_WORDS_MS = 400

export const VERSION: string = packageJson.version

/** A classifier without a server around it, as the command line uses it. */
export type Classifier = { engine: Engine; directory: ModelDirectory; close(): Promise<void> }

/**
 * Loads every model of the catalog whose weights are here.
 *
 * @throws Error that names the file, where a model's files are there but cannot be read
 */
export async function openClassifier(config: Config, onWorkerFailure: (error: Error) => void): Promise<Classifier> {
  const engine = createEngine({
    backend: config.backend,
    workers: config.workers,
    maxWaiting: config.maxWaitingTexts,
    maxWaitingTokens: config.maxWaitingTokens,
    onWorkerFailure,
  })
  const loaded = new Set<string>()
  try {
    for (const model of CATALOG) {
      const folder = findModelFolder(model, config.modelsDir)
      if (folder === undefined) continue
      await engine.load(engineModel(model, folder))
      loaded.add(model.id)
    }
  } catch (error) {
    await engine.close()
    throw error
  }
  const directory = createModelDirectory(CATALOG, loaded, { strict: config.strictModels })
  return { engine, directory, close: () => engine.close() }
}

/** A server that listens. */
export type Server = {
  /** such as http://127.0.0.1:8484 */
  url: string
  models: readonly ModelStatus[]
  /**
   * Takes no more requests and lets those under way finish; when `drainMs` are over, tells the rest that it is shutting
   * down. Resolves when everything has stopped.
   */
  close(drainMs: number): Promise<void>
}

/** Builds all the parts, and listens. */
export async function startServer(config: Config): Promise<Server> {
  const logger = pino({ level: config.logLevel }, pino.destination(2))
  const classifier = await openClassifier(config, (err) => logger.error({ err }, 'a worker thread died'))
  const { engine, directory } = classifier
  const admission = createAdmission({
    engine,
    directory,
    isKnownKey: createKeyCheck(config.apiKeys),
    timeoutMs: config.timeoutMs,
  })
  const options = { admission, depth: engine.depth, canRun: engine.canRun, version: VERSION, logger }
  // AI Gateway is last: it answers for the addresses that are nobody's.
  const dialects = [workersAi, huggingFace, aiGateway]
  const app = await listening({ ...options, dialects, maxBodyBytes: config.maxBodyBytes }, config).catch(
    async (error) => {
      await classifier.close()
      throw error
    },
  )
  return {
    url: urlOf(app.server.address() as AddressInfo),
    models: admission.models(),
    async close(drainMs) {
      const closed = app.close()
      await Promise.race([closed, setTimeout(drainMs)])
      await classifier.close()
      // What was refused just now is still being written; after that only clients are left that do not finish sending.
      await Promise.race([closed, setTimeout(LAST_WORDS_MS)])
      app.server.closeAllConnections()
      await closed
    },
  }
}

async function listening(options: AppOptions, { host, port }: Config): Promise<FastifyInstance> {
  const app = await createApp(options)
  await app.listen({ host, port })
  return app
}

function engineModel(model: CatalogModel, folder: string): EngineModel {
  const { config, network, tokenizerFiles } = openModelFolder(folder)
  const tokenizer = createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens })
  return {
    id: model.id,
    network,
    tokenizer,
    labels: labelsOf(model, config, folder),
    activation: defaultActivation(config),
  }
}

/** A config without names for its labels (LABEL_0, LABEL_1) leaves them to the catalog; other names are another model's. */
function labelsOf(model: CatalogModel, config: ClassifierConfig, folder: string): string[] {
  const fits = config.labels.every((label, id) => label === model.labels[id] || label === `LABEL_${id}`)
  if (fits && config.labels.length === model.labels.length) return [...model.labels]
  throw new Error(
    `${folder}/config.json: the labels are ${config.labels.join(', ')}; ${model.id} has ${model.labels.join(', ')}`,
  )
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
