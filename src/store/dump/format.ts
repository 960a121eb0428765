import type { Kysely } from 'kysely'
import type { Database } from '../database.ts'

/**
 * A dump: JSON, one value a line, in this order. It holds values as PostgreSQL writes them in text, which no version and no kind
 * of store reads differently.
 *
 * 1. the head
 * 2. for each table its line, then its rows, each a list of texts and nulls; then where its sequences are
 * 3. for each content (a file's bytes) its line, then its bytes in base64, in pieces
 * 4. the end, without which a dump was cut off
 */
export type Head = {
  format: typeof FORMAT
  version: typeof VERSION
  /** the steps of the schema that the store had taken */
  migrations: number[]
  createdAt: string
  /** of all tables */
  rows: number
  /** what is kept outside the tables and has to go with them, by name */
  secrets: Record<string, string>
}
export type TableLine = { table: string; columns: string[]; rows: number }
export type RowLine = (string | null)[]
export type SequenceLine = { sequence: string; value: string; called: boolean }
export type ContentLine = { content: string }
export type EndLine = { end: true; rows: number; contents: number }

export type Line = Head | TableLine | RowLine | SequenceLine | ContentLine | string | EndLine

export const FORMAT = 'valence-dump'

/** Counted up when a dump is written in another way; which tables it has is said by the migrations. */
export const VERSION = 1

/** How far a dump or restore is. */
export type Progress = { rows: number; totalRows: number }

/** Where the bytes of files lie, beside the tables. */
export type Contents = {
  read(id: string, fromByte: number): AsyncIterable<Uint8Array>
  write(id: string, source: AsyncIterable<Uint8Array>, limits: { maxBytes: number }): Promise<unknown>
}

/** Gives the contents as a transaction sees them. */
export type OpenContents = (db: Kysely<Database>) => Promise<Contents>

/** Tables that a dump does not have: the steps are in its head, and contents in lines of their own. */
export const LEFT_OUT: readonly string[] = ['schema_migrations', 'file_chunks']
