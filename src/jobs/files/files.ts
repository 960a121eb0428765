import { ValenceError } from '../../errors.ts'
import { lockAccount } from '../../store/account-lock.ts'
import {
  bytesOfAccount,
  deleteExpiredFiles,
  deleteFile,
  type FileRow,
  findFile,
  insertFile,
  listFiles,
  type Page,
  unusedContents,
} from '../../store/files.ts'
import type { Store } from '../../store/store.ts'
import { newId } from '../ids.ts'
import type { Contents, Written } from './contents.ts'

export type { FileRow, Page }

/** OpenAI's bound on the input of a batch. */
export const MAX_FILE_BYTES = 200_000_000

/** What the files of one account may have together, so that one tenant cannot fill the disk of all. */
const MAX_ACCOUNT_BYTES = 10_000_000_000

/** Each is on the disk before it counts, for as long as its client takes to send it. */
const MAX_UPLOADS = 20

/** OpenAI keeps the files of batches for 30 days unless it is told otherwise. */
const KEEP_SECONDS = 30 * 24 * 3600

/** A content that belongs to no file after so long belongs to an upload that broke off, or to a file that is deleted. */
const LEFT_OVER_AFTER_MS = 3_600_000

/** Bytes that are kept, and no file's yet. */
export type Upload = Written & { contentId: string }

export type FileRequest = {
  filename: string
  purpose: string
  /** undefined keeps it for as long as OpenAI would */
  expiresInSeconds: number | undefined
}

/** The files of accounts. Nobody sees those of another. */
export type Files = {
  /**
   * Keeps the bytes of a file, of which more is known when they are all there.
   *
   * @throws ValenceError `body_too_large`, `busy`, `invalid_request` for an account that has too much already
   */
  upload(accountId: string, source: AsyncIterable<Uint8Array>): Promise<Upload>
  /** Lets go of an upload that becomes no file. */
  discard(upload: Upload): Promise<void>
  /** @throws ValenceError `invalid_request` for an account that has too much by now */
  create(accountId: string, upload: Upload, request: FileRequest): Promise<FileRow>
  list(accountId: string, page: Page & { purpose: string | undefined }): Promise<{ rows: FileRow[]; hasMore: boolean }>
  /** @throws ValenceError `not_found` */
  get(accountId: string, id: string): Promise<FileRow>
  read(file: FileRow): AsyncIterable<Uint8Array>
  /** @throws ValenceError `not_found`, `conflict` while a batch reads it */
  remove(accountId: string, id: string): Promise<void>
  /** Removes files whose time is over, and contents that belong to no file. */
  cleanUp(): Promise<void>
}

export function createFiles({ db }: Store, contents: Contents): Files {
  /** uploads under way, by account */
  const arriving = new Map<string, number>()
  return {
    async upload(accountId, source) {
      // Asked again when it is a file; before that nothing need be written.
      await refuseTooMuch(db, accountId, 1)
      const underWay = arriving.get(accountId) ?? 0
      if (underWay >= MAX_UPLOADS) {
        throw new ValenceError('busy', `This account uploads ${MAX_UPLOADS} files already, which is as many as may.`, {
          retryAfterSeconds: 5,
        })
      }
      arriving.set(accountId, underWay + 1)
      try {
        const contentId = newId('content_')
        return { contentId, ...(await contents.write(contentId, source, { maxBytes: MAX_FILE_BYTES })) }
      } finally {
        const left = arriving.get(accountId)! - 1
        if (left > 0) arriving.set(accountId, left)
        else arriving.delete(accountId)
      }
    },
    discard: ({ contentId }) => contents.remove(contentId),
    create(accountId, { contentId, bytes, sha256 }, { filename, purpose, expiresInSeconds = KEEP_SECONDS }) {
      return db.transaction().execute(async (transaction) => {
        await lockAccount(transaction, accountId, 'files')
        await refuseTooMuch(transaction, accountId, bytes)
        return insertFile(transaction, {
          id: newId('file-'),
          account_id: accountId,
          content_id: contentId,
          filename,
          purpose,
          bytes,
          sha256,
          expires_at: new Date(Date.now() + expiresInSeconds * 1000),
        })
      })
    },
    async list(accountId, page) {
      const rows = await listFiles(db, accountId, page)
      return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit }
    },
    async get(accountId, id) {
      const file = await findFile(db, accountId, id)
      if (!file) throw notFound(id)
      return file
    },
    read: (file) => contents.read(file.content_id, 0),
    async remove(accountId, id) {
      const deleted = await deleteFile(db, accountId, id)
      if (deleted === undefined) throw notFound(id)
      if (deleted === 'in_use') {
        throw new ValenceError('conflict', `The file ${id} is read by a batch that is not finished; cancel that first.`)
      }
      await contents.remove(deleted.contentId)
    },
    async cleanUp() {
      const { contentIds } = await deleteExpiredFiles(db)
      const old = await contents.writtenBefore(new Date(Date.now() - LEFT_OVER_AFTER_MS))
      for (const id of [...contentIds, ...(await unusedContents(db, old))]) await contents.remove(id)
    },
  }
}

/** @throws ValenceError `invalid_request` where the account has no room for so many bytes more */
async function refuseTooMuch(db: Store['db'], accountId: string, bytes: number): Promise<void> {
  const held = await bytesOfAccount(db, accountId)
  if (held + bytes <= MAX_ACCOUNT_BYTES) return
  throw new ValenceError(
    'invalid_request',
    `The files of this account have ${held} bytes together, of ${MAX_ACCOUNT_BYTES}; delete some before you upload more.`,
  )
}

function notFound(id: string): ValenceError {
  return new ValenceError('not_found', `There is no file ${id.slice(0, 100)}.`)
}
