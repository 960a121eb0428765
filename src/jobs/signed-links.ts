import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { keepServerSecret } from '../store/server-secrets.ts'
import type { Store } from '../store/store.ts'

/** What a link lets whoever has it read, and until when. */
export type Link = { accountId: string; jobId: string; fileName: string; expiresAtSeconds: number }

/** Links that stand in for a key, for one file and some time. */
export type SignedLinks = {
  /** The token that makes a link valid. */
  sign(link: Link): string
  /** Whether a token is this link's, and its time is not over. */
  isValid(link: Link, token: string): boolean
}

/** What signs is the same in every process that shares the store. */
export async function openSignedLinks({ db }: Store): Promise<SignedLinks> {
  const secret = await keepServerSecret(db, 'signed-links', randomBytes(32).toString('base64'))
  const sign = ({ accountId, jobId, fileName, expiresAtSeconds }: Link) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([accountId, jobId, fileName, expiresAtSeconds]))
      .digest('base64url')
  return {
    sign,
    isValid(link, token) {
      const right = Buffer.from(sign(link))
      const sent = Buffer.from(token)
      const isRight = sent.length === right.length && timingSafeEqual(sent, right)
      return isRight && link.expiresAtSeconds > Date.now() / 1000
    },
  }
}
