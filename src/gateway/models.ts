import { type CatalogModel, EMBEDDED_MODEL_ID } from '../catalog/catalog.ts'
import { ValenceError } from '../errors.ts'

/**
 * What answers for a model: its own weights (`ready`), the embedded model in its place (`substituted`), nothing (`unavailable`,
 * where the operator asked for strict models), or only upstreams (`remote`).
 */
export type ModelStatus = {
  model: CatalogModel
  state: 'ready' | 'substituted' | 'unavailable' | 'remote'
  /** the id of the model whose weights answer */
  servedBy: string | undefined
  /** why the model's own weights do not answer */
  reason: string | undefined
}

export type ModelDirectory = {
  list(): readonly ModelStatus[]
  /** @throws ValenceError `model_not_found` */
  get(name: string): ModelStatus
  /** @throws ValenceError `model_not_found` or `model_unavailable` */
  resolve(name: string): ModelStatus & { servedBy: string }
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
    get(name) {
      const status = statuses.get(idsByName.get(name) ?? '')
      if (!status) throw new ValenceError('model_not_found', `There is no model ${quoted(name)} here.`, { model: name })
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

/** A name from a client, cut to what an error message can bear. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}
