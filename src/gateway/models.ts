import { type CatalogModel, EMBEDDED_MODEL_ID } from '../catalog/catalog.ts'
import { ValenceError } from '../errors.ts'

/**
 * What answers for a model.
 *
 * | state | what answers |
 * | --- | --- |
 * | ready | its own weights |
 * | substituted | the embedded model in its place |
 * | unavailable | nothing: the operator asked for strict models |
 * | remote | only upstreams |
 * | loadable | its own weights, which are loaded when somebody asks for it |
 * | loading | its own weights, when they are here |
 * | too_big | nothing: it takes more memory than there is for models on demand |
 */
export type ModelStatus = {
  model: CatalogModel
  state: 'ready' | 'substituted' | 'unavailable' | 'remote' | 'loadable' | 'loading' | 'too_big'
  /** the id of the model whose weights answer */
  servedBy: string | undefined
  /** why the model's own weights do not answer */
  reason: string | undefined
}

export type ModelDirectory = {
  list(): readonly ModelStatus[]
  /** @returns undefined where there is no model of this name */
  find(name: string): ModelStatus | undefined
  /** @throws ValenceError `model_not_found` */
  get(name: string): ModelStatus
  /** @throws ValenceError `model_not_found` or `model_unavailable` */
  resolve(name: string): ModelStatus & { servedBy: string }
  /** Adds a model whose weights are in the engine. */
  add(model: CatalogModel): void
  /** Takes a model away that was added. */
  remove(modelId: string): void
  /** Lets a model's own weights answer from now on: they are in the engine. */
  arrived(modelId: string): void
  /** Says why a model's own weights do not answer. */
  missing(modelId: string, reason: string): void
}

/**
 * @param remote the ids of models that have no weights here and never will
 * @param missing why a model's weights are not in the engine, by its id; all others are there
 * @param strict whether a model without weights is refused rather than answered by the embedded one
 */
export function createModelDirectory(
  catalog: readonly CatalogModel[],
  missing: ReadonlyMap<string, string>,
  { strict, remote }: { strict: boolean; remote: ReadonlySet<string> },
): ModelDirectory {
  const models = new Map(catalog.map((model) => [model.id, model]))
  const idsByName = new Map(catalog.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => [name, id] as const)))
  const statuses = new Map<string, ModelStatus>()

  const directory: ModelDirectory = {
    list: () => [...statuses.values()],
    find: (name) => statuses.get(idsByName.get(name) ?? ''),
    get(name) {
      const status = directory.find(name)
      if (!status) throw noSuchModel(name)
      return status
    },
    resolve(name) {
      const status = directory.get(name)
      if (status.servedBy === undefined) {
        throw new ValenceError('model_unavailable', `The model ${quoted(name)} cannot answer: ${status.reason}`, {
          model: name,
        })
      }
      return { ...status, servedBy: status.servedBy }
    },
    add(model) {
      models.set(model.id, model)
      for (const name of [model.id, ...model.aliases]) idsByName.set(name, model.id)
      directory.arrived(model.id)
    },
    remove(modelId) {
      const { aliases = [] } = models.get(modelId) ?? {}
      for (const name of [modelId, ...aliases]) idsByName.delete(name)
      models.delete(modelId)
      statuses.delete(modelId)
    },
    arrived(modelId) {
      const model = models.get(modelId)!
      statuses.set(modelId, { model, state: 'ready', servedBy: modelId, reason: undefined })
    },
    missing(modelId, reason) {
      const model = models.get(modelId)!
      const status: ModelStatus = strict
        ? { model, state: 'unavailable', servedBy: undefined, reason }
        : { model, state: 'substituted', servedBy: EMBEDDED_MODEL_ID, reason }
      statuses.set(modelId, status)
    },
  }
  for (const model of catalog) {
    const { id } = model
    if (remote.has(id)) {
      statuses.set(id, { model, state: 'remote', servedBy: undefined, reason: 'it is answered by others.' })
      continue
    }
    const reason = missing.get(id)
    if (reason === undefined) directory.arrived(id)
    else directory.missing(id, reason)
  }
  return directory
}

export function noSuchModel(name: string, why = ''): ValenceError {
  return new ValenceError('model_not_found', `There is no model ${quoted(name)} here${why}.`, { model: name })
}

/** A name from a client, cut to what an error message can bear. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}
