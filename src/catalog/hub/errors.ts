/**
 * What can go wrong between a Hub and the cache. `HubError.transient` says whether another try may end better.
 *
 * | code | meaning |
 * | --- | --- |
 * | offline | the network is not to be used, and the files are not here |
 * | unauthorized | the token is not one of the Hub's |
 * | gated | the repository is there, but this user may not read it |
 * | repo_not_found | no such repository, or it is private |
 * | revision_not_found | no such branch, tag or commit |
 * | file_not_found | the repository lacks a file that is needed |
 * | rate_limited | the Hub asks to come back later; transient |
 * | server_failed | the Hub failed; transient |
 * | unreachable | no connection, or it broke; transient |
 * | timed_out | no answer in time; transient |
 * | too_large | the files are more than the caller wants |
 * | corrupt | what arrived is not what the Hub had announced |
 * | bad_answer | the server does not answer as a Hub does |
 * | disk_full | no room for the file |
 * | cannot_write | the cache may not be written |
 * | locked | another process has been fetching the same file for too long; transient |
 */
export type HubErrorCode =
  | 'offline'
  | 'unauthorized'
  | 'gated'
  | 'repo_not_found'
  | 'revision_not_found'
  | 'file_not_found'
  | 'rate_limited'
  | 'server_failed'
  | 'unreachable'
  | 'timed_out'
  | 'too_large'
  | 'corrupt'
  | 'bad_answer'
  | 'disk_full'
  | 'cannot_write'
  | 'locked'

const TRANSIENT: ReadonlySet<HubErrorCode> = new Set([
  'rate_limited',
  'server_failed',
  'unreachable',
  'timed_out',
  'locked',
])

/** A failure whose message tells a user what was wrong and what to do; it shows no token and no signed address. */
export class HubError extends Error {
  readonly code: HubErrorCode
  /** how long the server asks to wait before the next try */
  readonly retryAfterMs: number | undefined

  constructor(
    code: HubErrorCode,
    message: string,
    details: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'HubError'
    this.code = code
    this.retryAfterMs = details.retryAfterMs
  }

  get transient(): boolean {
    return TRANSIENT.has(this.code)
  }
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const NO_PERMISSION = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'])

/** Names what the file system refused; whatever else it was is thrown on as it is. */
export function asDiskError(thrown: unknown, cacheDir: string): unknown {
  const { code } = (thrown ?? {}) as NodeJS.ErrnoException
  if (thrown instanceof HubError || code === undefined) return thrown
  if (NO_ROOM.has(code))
    return new HubError(
      'disk_full',
      `The disk is full: there is no room under ${cacheDir}. Free some, or set HF_HUB_CACHE.`,
      {
        cause: thrown,
      },
    )
  if (NO_PERMISSION.has(code))
    return new HubError(
      'cannot_write',
      `The cache ${cacheDir} cannot be written (${code}). Set HF_HUB_CACHE to a folder of yours.`,
      {
        cause: thrown,
      },
    )
  return thrown
}
