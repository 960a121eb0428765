import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { CATALOG, type CatalogModel } from './catalog/catalog.ts'
import { findModelFolder } from './catalog/folder.ts'
import type { Config } from './config.ts'
import { defaultActivation } from './convert/activation.ts'
import { readModelFolder } from './convert/model-folder.ts'
import { aiGateway } from './dialects/aigateway/dialect.ts'
import { huggingFace } from './dialects/huggingface/dialect.ts'
import { workersAi } from './dialects/workers-ai/dialect.ts'
import { createEngine, type Engine, type EngineModel } from './engine/engine.ts'
import { createTokenizer } from './engine/tokenizer/tokenizer.ts'
import { createAdmission } from './gateway/admission.ts'
import { createKeyCheck } from './gateway/keys.ts'
import { createModelDirectory, type ModelDirectory, type ModelStatus } from './gateway/models.ts'
import { createApp } from './http/app.ts'

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
  const engine = createEngine({ workers: config.workers, maxWaiting: config.maxWaitingTexts, onWorkerFailure })
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
  const admission = createAdmission({
    engine: classifier.engine,
    directory: classifier.directory,
    isKnownKey: createKeyCheck(config.apiKeys),
    timeoutMs: config.timeoutMs,
  })
  const app = await createApp({
    // AI Gateway is last: it answers for the addresses that are nobody's.
    dialects: [workersAi, huggingFace, aiGateway],
    admission,
    depth: classifier.engine.depth,
    version: VERSION,
    maxBodyBytes: config.maxBodyBytes,
    logger,
  })
  try {
    await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    await classifier.close()
    throw error
  }
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

function engineModel(model: CatalogModel, folder: string): EngineModel {
  const { config, network, tokenizerFiles } = readModelFolder(folder)
  const tokenizer = createTokenizer(tokenizerFiles, { maxTokens: network.maxTokens })
  return { id: model.id, network, tokenizer, labels: config.labels, activation: defaultActivation(config) }
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
