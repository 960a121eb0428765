import type { CatalogModel } from '../../catalog/catalog.ts'
import type { UpstreamsConfiguration } from './configuration.ts'

/**
 * The models that are nowhere but in the file of upstreams.
 *
 * @throws Error where the file contradicts the catalog or itself
 */
export function modelsElsewhere({ models }: UpstreamsConfiguration, catalog: readonly CatalogModel[]): CatalogModel[] {
  const names = new Map(catalog.flatMap((model) => [model.id, ...model.aliases].map((name) => [name, model.id])))
  return models.flatMap((model) => {
    const { id, aliases = [], labels, description, candidates } = model
    const known = catalog.find((each) => each.id === id)
    if (known && (labels !== undefined || aliases.length > 0))
      throw new Error(`the model ${id} is in the catalog, which has its labels and aliases`)
    checkLabels(id, labels ?? known?.labels, candidates)
    for (const candidate of candidates) {
      if ('local' in candidate && !catalog.some((each) => each.id === candidate.local))
        throw new Error(`the model ${id} names ${candidate.local}, which is no model of the catalog`)
    }
    if (known) return []
    for (const name of [id, ...aliases]) {
      if (names.has(name)) throw new Error(`the name ${name} is taken by ${names.get(name)}`)
      names.set(name, id)
    }
    return {
      id,
      aliases,
      description: description ?? `${id}, answered by ${candidates.map(nameOf).join(', else ')}`,
      provider: id.split('/')[0]!,
      labels: labels!,
      hubRepo: undefined,
    }
  })
}

function checkLabels(
  id: string,
  labels: readonly string[] | undefined,
  candidates: UpstreamsConfiguration['models'][number]['candidates'],
): void {
  if (labels === undefined) throw new Error(`the model ${id} needs labels`)
  for (const candidate of candidates) {
    if ('labelsThere' in candidate && candidate.labelsThere?.length !== labels.length)
      throw new Error(`the labelsThere of the model ${id} must be as many as its labels`)
  }
}

function nameOf(candidate: UpstreamsConfiguration['models'][number]['candidates'][number]): string {
  return 'local' in candidate ? candidate.local : candidate.upstream
}
