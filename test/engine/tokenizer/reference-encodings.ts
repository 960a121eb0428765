import { readFileSync } from 'node:fs'

/** One result of the Rust library; fixtures/make-fixtures.py made them. */
export type ReferenceEncoding = {
  lowercase?: boolean
  text: string
  pair?: string
  maxTokens: number
  truncated: boolean
  ids: number[]
  typeIds: string
}

export const referenceEncodings: ReferenceEncoding[] = JSON.parse(
  readFileSync(new URL('fixtures/encodings.json', import.meta.url), 'utf8'),
)
