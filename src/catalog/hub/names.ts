/**
 * Names that become parts of paths and addresses. What the server or a user says is checked here before it is used.
 */

/** A part of a repository's id, as the Hub defines it: it neither begins nor ends with a dot or dash. */
const ID_PART = /^(?![-.])(?!.*(--|\.\.))[\w.-]{1,96}(?<![-.])$/

const COMMIT = /^[0-9a-f]{40}$/
const SHA256 = /^[0-9a-f]{64}$/

/** Longest name that common file systems take, in bytes. */
const MAX_NAME_BYTES = 255
const MAX_PATH_PARTS = 32

/** Whether a text is the id of a repository: `name`, or `owner/name`. */
export function isRepoId(id: string): boolean {
  const parts = id.split('/')
  return parts.length <= 2 && id.length <= 96 && parts.every((part) => ID_PART.test(part)) && !id.endsWith('.git')
}

/** Whether a text is a whole commit hash, in small letters as Git writes it. */
export function isCommitHash(text: unknown): text is string {
  return typeof text === 'string' && COMMIT.test(text)
}

/** Whether a text is a file's path inside a repository that stays inside whatever folder it is joined to, on any system. */
export function isSafePath(path: unknown): path is string {
  if (typeof path !== 'string') return false
  const parts = path.split('/')
  return parts.length <= MAX_PATH_PARTS && parts.every(isSafePart)
}

/** Whether a text may be a branch, a tag or a commit; it becomes a path under `refs/`. */
export function isRevision(text: string): boolean {
  return isSafePath(text)
}

function isSafePart(part: string): boolean {
  if (part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > MAX_NAME_BYTES) return false
  // Backslashes and colons mean something to Windows, and lone surrogates to nobody.
  return !/[\\:\p{Cc}]/u.test(part) && part.isWellFormed()
}

/** What a file's ETag says of its content: Git's hash of a small file, or the SHA-256 of a large one. */
export type ContentHash = { algorithm: 'git-sha1' | 'sha256'; hex: string }

/** Reads an ETag; undefined where it is no hash of the content. */
export function contentHash(etag: string | undefined): ContentHash | undefined {
  const hex = /^(?:W\/)?"?([0-9a-f]+)"?$/.exec(etag?.trim() ?? '')?.[1]
  if (hex === undefined) return undefined
  if (COMMIT.test(hex)) return { algorithm: 'git-sha1', hex }
  return SHA256.test(hex) ? { algorithm: 'sha256', hex } : undefined
}

/** Reads a header that holds a number of bytes; undefined for anything else. */
export function byteCount(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,16}$/.test(header)) return undefined
  const count = Number(header)
  return Number.isSafeInteger(count) ? count : undefined
}

/** Reads `Content-Range: bytes 10-99/100`; undefined where it is not whole. */
export function contentRange(header: string | undefined): { start: number; end: number; size: number } | undefined {
  const [, start, end, size] = (/^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(header ?? '') ?? []).map(Number)
  if (start === undefined || end === undefined || size === undefined) return undefined
  return start <= end && end < size && Number.isSafeInteger(size) ? { start, end, size } : undefined
}

/** Reads `Retry-After`, in seconds or as a date, into milliseconds from now; undefined where it is neither. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  // Of the dates that Date reads, HTTP's begin with a day's name.
  const date = /^[A-Z][a-z]{2,8},/.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
