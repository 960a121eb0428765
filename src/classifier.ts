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
import { readModel } from './loading/read-model.ts'

/** A classifier without a server around it, as the command line uses it. */
export type Classifier = {
  engine: Engine
  directory: ModelDirectory
  revisions: Revisions
  upstreams: UpstreamsConfiguration
  close(): Promise<void>
}

/** Told of what goes wrong beside the requests. */
export type OnTrouble = { workerDied(error: Error): void; unreadable(model: CatalogModel, error: unknown): void }

/**
 * Loads every model of the catalog whose weights are here. What was put into the models' folder must be right; a cache that
 * others write into as well may hold anything, and a model that cannot be read from there counts as missing.
 *
 * @throws Error that names the file, where a model's files are there but cannot be read
 */
export async function openClassifier(config: Config, onTrouble: OnTrouble): Promise<Classifier> {
  const { modelsDir, hub } = config
  const { upstreams, elsewhere } = readUpstreams(config)
  const engine = createEngine({
    backend: config.backend,
    workers: config.workers,
    maxWaiting: config.maxWaitingTexts,
    maxWaitingTokens: config.maxWaitingTokens,
    onWorkerFailure: onTrouble.workerDied,
  })
  const missing = new Map<string, string>()
  const revisions = createRevisions()
  const loads = CATALOG.map(async (model) => {
    const location = findModelFolder(model, { modelsDir, hubCacheDir: hub.cacheDir })
    try {
      if (location) {
        await engine.load(engineModel(model, location.folder, readModel(location.folder)))
        revisions.note(model.id, location)
      } else
        missing.set(model.id, `its weights are not on this machine${hub.offline ? ', which is to stay offline' : ''}.`)
    } catch (error) {
      if (location?.place !== 'cache') throw error
      onTrouble.unreadable(model, error)
      missing.set(model.id, 'its weights in the cache cannot be read; the log has the cause.')
    }
  })
  try {
    await Promise.all(loads)
  } catch (error) {
    await Promise.allSettled(loads)
    await engine.close()
    throw error
  }
  engine.giveMemoryBack()
  const directory = createModelDirectory([...CATALOG, ...elsewhere], missing, {
    strict: config.strictModels,
    remote: new Set(elsewhere.map(({ id }) => id)),
  })
  return { engine, directory, revisions, upstreams, close: () => engine.close() }
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
