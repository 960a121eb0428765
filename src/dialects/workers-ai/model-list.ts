import { createHash } from 'node:crypto'
import type { Static } from 'typebox'
import type { CatalogModel } from '../../catalog/catalog.ts'
import type { ModelStatus } from '../../gateway/admission.ts'
import type { ModelSearch } from './schemas.ts'

/** The task of every model here, with the id that it has in Cloudflare's catalog. */
const TEXT_CLASSIFICATION = {
  id: '19606750-23ed-4371-aab2-c20349b53a60',
  name: 'Text Classification',
  description: 'Sorts a text into one of several labels, such as those of its sentiment.',
}

/** The ids that models have in Cloudflare's catalog, for clients that kept them. */
const CLOUDFLARE_IDS: Readonly<Record<string, string>> = {
  '@cf/huggingface/distilbert-sst-2-int8': 'eaf31752-a074-441f-8b70-d593255d2811',
}

/** Cloudflare's number for models that it serves itself. */
const SOURCE = 1

/** Longer lists than this are asked for in pages. */
const MAX_PER_PAGE = 100

const DEFAULT_PER_PAGE = 20

/** The page of models that a client asks for. One past the last is empty, by which the official SDKs know the end. */
export function listModels(statuses: readonly ModelStatus[], query: Static<typeof ModelSearch>) {
  const { search = '', task = '', author = '', source = String(SOURCE) } = query
  const found = statuses
    .map(({ model }) => model)
    .filter((model) => author === '' || sameText(author, model.provider))
    .map(listed)
    .filter((model) => includesText(model.name, search) || includesText(model.description, search))
    .filter((model) => task === '' || sameText(task, model.task.name))
    .filter((model) => String(model.source) === source)
  return page(found, Number(query.page ?? 1), Math.min(Number(query.per_page ?? DEFAULT_PER_PAGE), MAX_PER_PAGE))
}

/** The tasks that have a model, in one page. */
export function listTasks() {
  return page([TEXT_CLASSIFICATION], 1, 1)
}

/** Whoever made a model here, in one page. */
export function listAuthors(statuses: readonly ModelStatus[]) {
  const authors = [...new Set(statuses.map(({ model }) => model.provider))].map((name) => ({ name }))
  return page(authors, 1, authors.length)
}

/** Cloudflare's envelope around a page of a list. */
function page<T>(items: readonly T[], number: number, perPage: number) {
  const result = items.slice((number - 1) * perPage, number * perPage)
  const info = { count: result.length, page: number, per_page: perPage, total_count: items.length }
  return { result, success: true as const, errors: [], messages: [], result_info: info }
}

function listed(model: CatalogModel) {
  const name = cloudflareName(model)
  return {
    id: CLOUDFLARE_IDS[name] ?? idFrom(name),
    source: SOURCE,
    name,
    description: model.description,
    task: TEXT_CLASSIFICATION,
    tags: [],
    properties: [{ property_id: 'labels', value: model.labels }],
  }
}

function cloudflareName({ id, aliases }: CatalogModel): string {
  return aliases.find((alias) => alias.startsWith('@cf/')) ?? id
}

/** An id that stays the same for a name, in the form of a UUID (version 8: made by a rule of one's own). */
function idFrom(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function sameText(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function includesText(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase())
}
