import { randomBytes } from 'node:crypto'

/** As unguessable as a key. */
const RANDOM_BYTES = 16

/** A new id that nobody can guess, such as batch_5f0c…; OpenAI's clients know files by a dash instead. */
export function newId(kind: 'file-' | 'content_' | 'batch_' | 'job_' | 'evt_' | 'whe_' | 'whd_'): string {
  return kind + randomBytes(RANDOM_BYTES).toString('hex')
}
