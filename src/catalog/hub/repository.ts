import { HubError } from './errors.ts'
import type { HubAnswer, HubClient } from './http.ts'
import { byteCount, type ContentHash, contentHash, isCommitHash, isRepoId, isSafePath } from './names.ts'
import { readText } from './read-text.ts'
import { refusal } from './refusal.ts'
import { withRetries } from './retry.ts'

/** A repository at one commit, with the Hub's own id for it, which may be another than it was asked by. */
export type Revision = { id: string | undefined; commit: string; files: string[] }

/** What the Hub says of a file before it is fetched. */
export type FileFacts = { path: string; hash: ContentHash; bytes: number }

/** A list of a hundred thousand files is shorter. */
const MAX_LISTING_BYTES = 32 * 1024 * 1024

/**
 * Asks the Hub which commit a revision is, and which files it has.
 *
 * @param revision a branch, a tag or a commit
 * @throws HubError
 */
export function readRevision(
  client: HubClient,
  repo: string,
  revision: string,
  signal: AbortSignal,
): Promise<Revision> {
  return withRetries(async () => {
    const address = `/api/models/${repo}/revision/${encodeURIComponent(revision)}`
    const answer = await client.send('GET', address, { signal })
    if (answer.status !== 200) {
      answer.discard()
      throw refusal(answer, { repo, revision })
    }
    return parseRevision(await readText(answer, MAX_LISTING_BYTES))
  }, signal)
}

/**
 * Reads the Hub's description of a revision; names that could lead out of a folder are left out, as files that nobody
 * can ask for.
 *
 * @throws HubError `bad_answer`
 */
export function parseRevision(text: string): Revision {
  const { id, sha, siblings } = asObject(parseJson(text))
  if (!isCommitHash(sha)) throw notAHub('its description of the repository has no commit')
  if (!Array.isArray(siblings)) throw notAHub('its description of the repository has no list of files')
  return {
    id: typeof id === 'string' && isRepoId(id) ? id : undefined,
    commit: sha,
    files: siblings.map((sibling) => asObject(sibling).rfilename).filter(isSafePath),
  }
}

/**
 * Asks the Hub how large a file is and what its content's hash is.
 *
 * @throws HubError
 */
export function readFileFacts(
  client: HubClient,
  repo: string,
  commit: string,
  path: string,
  signal: AbortSignal,
): Promise<FileFacts> {
  return withRetries(async () => {
    // A large file's answer is a redirect to a content server that already has all that is asked here.
    const follow = ({ header }: HubAnswer) =>
      header('x-linked-etag') === undefined || header('x-linked-size') === undefined
    const answer = await client.send('HEAD', fileAddress(repo, commit, path), { signal, follow })
    answer.discard()
    if (answer.status >= 400) throw refusal(answer, { repo, revision: commit, path })
    return fileFacts(path, commit, (name) => answer.header(name))
  }, signal)
}

/**
 * Reads what the headers of an answer say of a file.
 *
 * @throws HubError `bad_answer` where they lack its hash or size, or are of another commit
 */
export function fileFacts(path: string, commit: string, header: (name: string) => string | undefined): FileFacts {
  const itsCommit = header('x-repo-commit')
  if (itsCommit !== undefined && itsCommit !== commit)
    throw notAHub(`its ${path} is of another commit than was asked for`)
  const linked = header('x-linked-etag')
  const hash = contentHash(linked ?? header('etag'))
  if (hash === undefined) throw notAHub(`its ETag of ${path} is no hash of the content`)
  const bytes = byteCount(header('x-linked-size') ?? (linked === undefined ? header('content-length') : undefined))
  if (bytes === undefined) throw notAHub(`it does not say how large ${path} is`)
  return { path, hash, bytes }
}

/** Where the Hub has a file, below its endpoint. */
export function fileAddress(repo: string, commit: string, path: string): string {
  return `/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
}

function notAHub(what: string): HubError {
  return new HubError('bad_answer', `The server does not answer as a Hub does: ${what}. Is HF_ENDPOINT right?`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notAHub('its description of the repository is not JSON')
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
