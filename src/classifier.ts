import { readFileSync } from 'node:fs'
import { CATALOG, type CatalogModel } from './catalog/catalog.ts'
import { findModelFolder } from './catalog/folder.ts'
import { createRevisions, type Revisions } from './catalog/revisions.ts'
import { type Config, ConfigError } from './config.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { createModelDirectory, type ModelDirectory } from './gateway/models.ts'
import { NO_UPSTREAMS, parseUpstreams, type UpstreamsConfiguration } from './gateway/upstreams/configuration.ts'
import { modelsElsewhere } from './gateway/upstreams/models.ts'
import { engineModel } from './loading/engine-model.ts'
import { beginModel } from './loading/read-model.ts'

/** A classifier without a server around it, as the command line uses it. */
export type Classifier = {
  engine: Engine
  directory: ModelDirectory
  revisions: Revisions
  upstreams: UpstreamsConfiguration
  close(): Promise<void>
}

/** Why a model does not answer before it does; whoever asks is not there yet. */
const LOADING = 'it is being loaded.'

/** Told of what goes wrong beside the requests. */
export type OnTrouble = { workerDied(error: Error): void; unreadable(model: CatalogModel, error: unknown): void }

/** A classifier whose models are on their way. */
export type OpeningClassifier = Classifier & {
  /**
   * Resolves when every model answers whose weights are here.
   *
   * @throws Error that names the file, where a model's files are there but cannot be read; the classifier is closed then
   */
  loaded: Promise<void>
}

/**
 * Loads every model of the catalog whose weights are here. What was put into the models' folder must be right; a cache that
 * others write into as well may hold anything, and a model that cannot be read from there counts as missing.
 *
 * @throws ConfigError
 */
export function beginClassifier(config: Config, onTrouble: OnTrouble): OpeningClassifier {
  const { modelsDir, hub } = config
  const { upstreams, elsewhere } = readUpstreams(config)
  const engine = createEngine({
    backend: config.backend,
    workers: config.workers,
    maxWaiting: config.maxWaitingTexts,
    maxWaitingTokens: config.maxWaitingTokens,
    onWorkerFailure: onTrouble.workerDied,
  })
  const revisions = createRevisions()
  const directory = createModelDirectory([...CATALOG, ...elsewhere], new Map(CATALOG.map(({ id }) => [id, LOADING])), {
    strict: config.strictModels,
    remote: new Set(elsewhere.map(({ id }) => id)),
  })

  async function load(model: CatalogModel): Promise<void> {
    const location = findModelFolder(model, { modelsDir, hubCacheDir: hub.cacheDir })
    if (!location) {
      const offline = hub.offline ? ', which is to stay offline' : ''
      directory.missing(model.id, `its weights are not on this machine${offline}.`)
      return
    }
    try {
      const files = beginModel(location.folder)
      try {
        await engine.load(engineModel(model, location.folder, files))
      } finally {
        files.close()
      }
      revisions.note(model.id, location)
      directory.arrived(model.id)
    } catch (error) {
      if (location.place !== 'cache') throw error
      onTrouble.unreadable(model, error)
      directory.missing(model.id, 'its weights in the cache cannot be read; the log has the cause.')
    }
  }
  const loads = CATALOG.map(load)
  async function loadAll(): Promise<void> {
    try {
      await Promise.all(loads)
    } catch (error) {
      await Promise.allSettled(loads)
      await engine.close()
      throw error
    }
  }
  const loaded = loadAll()
  // Whoever waits for it hears of it, who may not be there yet.
  loaded.catch(() => {})
  return { engine, directory, revisions, upstreams, loaded, close: () => engine.close() }
}

/** As `beginClassifier`, and waits until its models answer. */
export async function openClassifier(config: Config, onTrouble: OnTrouble): Promise<Classifier> {
  const classifier = beginClassifier(config, onTrouble)
  await classifier.loaded
  classifier.engine.giveMemoryBack()
  return classifier
}

/** @throws ConfigError that says what in the file will not do */
function readUpstreams({ upstreamsFile, variable }: Config) {
  if (upstreamsFile === undefined) return { upstreams: NO_UPSTREAMS, elsewhere: [] }
  try {
    const upstreams = parseUpstreams(readFileSync(upstreamsFile, 'utf8'))
    for (const [name, { keyVariable }] of Object.entries(upstreams.upstreams)) {
      if (keyVariable !== undefined && variable(keyVariable) === undefined)
        throw new Error(`the upstream ${name} has its key in ${keyVariable}, which is not set`)
    }
    return { upstreams, elsewhere: modelsElsewhere(upstreams, CATALOG) }
  } catch (error) {
    throw new ConfigError(`${upstreamsFile} will not do: ${(error as Error).message}.`)
  }
}
