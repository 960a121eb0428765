import { LRUCache } from 'lru-cache'
import { HubError, type HubErrorCode } from '../catalog/hub/errors.ts'
import { ValenceError } from '../errors.ts'
import { noSuchModel, quoted } from '../gateway/models.ts'

/** A model that does not fit the memory for models on demand. */
export class TooBigError extends Error {}

/** A failure to bring a model, as each that asks for it is told. */
export type Failure = { isTooBig: boolean; error(name: string): ValenceError }

/** Failures that were, so that asking again does not ask the Hub or read the files again at once. */
export type RecentFailures = {
  of(repo: string): Failure | undefined
  add(repo: string, failure: Failure, passes: boolean): void
}

/** What will not pass away by itself, such as a repository that is not there. */
const LASTING_MS = 60_000
/** What may pass away, such as a Hub that cannot be reached, which was tried for ten seconds already. */
const PASSING_MS = 10_000

const MAX_FAILURES = 1000

export function createRecentFailures(): RecentFailures {
  const failures = new LRUCache<string, Failure>({ max: MAX_FAILURES })
  return {
    of: (repo) => failures.get(repo),
    add: (repo, failure, passes) => void failures.set(repo, failure, { ttl: passes ? PASSING_MS : LASTING_MS }),
  }
}

/** The Hub's failures that tell of this machine, which is for the log. */
const OURS: ReadonlySet<HubErrorCode> = new Set(['disk_full', 'cannot_write', 'locked'])

const NOT_THERE: ReadonlySet<HubErrorCode> = new Set(['repo_not_found', 'revision_not_found'])

/**
 * What a client is told of why a model could not be brought.
 *
 * @param folder where its files lie, which is nobody's business
 */
export function failureOf(error: unknown, folder: string | undefined): Failure {
  if (error instanceof TooBigError) return unavailable(error.message, true)
  if (error instanceof HubError && NOT_THERE.has(error.code))
    return { isTooBig: false, error: (name) => noSuchModel(name, `: ${error.message.replace(/\.$/, '')}`) }
  if (error instanceof HubError && !OURS.has(error.code)) return unavailable(error.message, error.code === 'too_large')
  const isAboutFiles = error instanceof Error && folder !== undefined && error.message.startsWith(folder)
  if (isAboutFiles) return unavailable(`${error.message.slice(folder.length).replace(/^\//, '')}.`)
  return unavailable('it could not be loaded; the log has the cause.')
}

function unavailable(why: string, isTooBig = false): Failure {
  return {
    isTooBig,
    error: (name) =>
      new ValenceError('model_unavailable', `The model ${quoted(name)} cannot answer: ${why}`, { model: name }),
  }
}
