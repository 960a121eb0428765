import { setImmediate } from 'node:timers/promises'

/** How long a body may hold the event loop before others get a turn. */
const SLICE_MS = 4

/** What is parsed at once, which takes some tenths of a millisecond. */
const PIECE_LENGTH = 65_536

/** Nothing that this server reads lies so deep; below it, a value must fit into a piece. */
const MAX_DEPTH = 32

type Cursor = { readonly text: string; readonly pieceLength: number; at: number; turnBeganAt: number }

/**
 * Parses JSON as `JSON.parse` does, but gives up the event loop now and then. The text is cut between the members of its long
 * lists and objects; each piece is for `JSON.parse` to judge.
 *
 * @throws SyntaxError, also for a long value that lies deeper than 32 lists and objects
 */
export async function parseInSlices(text: string, pieceLength = PIECE_LENGTH): Promise<unknown> {
  const cursor: Cursor = { text, pieceLength, at: 0, turnBeganAt: performance.now() }
  const value = await readValue(cursor, 0)
  skipSpace(cursor)
  if (cursor.at < text.length) throw malformed()
  return value
}

async function readValue(cursor: Cursor, depth: number): Promise<unknown> {
  skipSpace(cursor)
  const { text, at } = cursor
  if (text[at] === '[') return readList(cursor, depth)
  if (text[at] === '{') return readObject(cursor, depth)
  cursor.at = text[at] === '"' ? endOfString(text, at) + 1 : endOfWord(text, at)
  return JSON.parse(text.slice(at, cursor.at))
}

async function readList(cursor: Cursor, depth: number): Promise<unknown[]> {
  const list: unknown[] = []
  await readMembers(cursor, depth, {
    closing: ']',
    addPiece(piece) {
      const items = JSON.parse(`[${piece}]`) as unknown[]
      for (const item of items) list.push(item)
      return items.length
    },
    async addLongMember() {
      list.push(await readValue(cursor, depth + 1))
    },
  })
  return list
}

async function readObject(cursor: Cursor, depth: number): Promise<object> {
  const object: Record<string, unknown> = {}
  await readMembers(cursor, depth, {
    closing: '}',
    addPiece(piece) {
      const members = Object.entries(JSON.parse(`{${piece}}`) as object)
      for (const [name, value] of members) define(object, name, value)
      return members.length
    },
    async addLongMember() {
      const name = readName(cursor)
      define(object, name, await readValue(cursor, depth + 1))
    },
  })
  return object
}

type Members = {
  closing: ']' | '}'
  /** Adds some members at once; returns how many. */
  addPiece(piece: string): number
  addLongMember(): Promise<void>
}

/** Reads from behind an opening bracket to behind its closing one. */
async function readMembers(
  cursor: Cursor,
  depth: number,
  { closing, addPiece, addLongMember }: Members,
): Promise<void> {
  if (depth === MAX_DEPTH) throw malformed()
  const { text } = cursor
  cursor.at += 1
  for (let isFirst = true; ; isFirst = false) {
    await giveWay(cursor)
    const end = endOfPiece(cursor)
    if (end === undefined) {
      await addLongMember()
      skipSpace(cursor)
    } else {
      const added = addPiece(text.slice(cursor.at, end))
      cursor.at = end
      // Nothing may stand between the brackets, but not beside a comma.
      if (added === 0 && !(isFirst && text[end] === closing)) throw malformed()
    }
    const delimiter = text[cursor.at]
    cursor.at += 1
    if (delimiter === closing) return
    if (delimiter !== ',') throw malformed()
  }
}

/**
 * Finds where to cut next: at the bracket that closes the members, or else at the last comma between two that a piece reaches.
 *
 * @returns undefined where one member alone is longer than a piece
 */
function endOfPiece({ text, at, pieceLength }: Cursor): number | undefined {
  let comma: number | undefined
  let level = 0
  for (let index = at; index < text.length; index++) {
    if (index - at > pieceLength) return comma
    switch (text.charCodeAt(index)) {
      case 0x22: // "
        index = endOfString(text, index)
        break
      case 0x5b: // [
      case 0x7b: // {
        level += 1
        break
      case 0x5d: // ]
      case 0x7d: // }
        if (level === 0) return index
        level -= 1
        break
      case 0x2c: // ,
        if (level === 0) comma = index
        break
    }
  }
  throw malformed()
}

/** @param at where the string's first quote is; returns where its last one is */
function endOfString(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit === 0x22) return index
    // Whatever is escaped, a quote or a backslash, ends nothing.
    if (unit === 0x5c) index += 1
  }
  throw malformed()
}

const WORD = /[\w+.-]*/y

/** The end of a number, true, false or null. */
function endOfWord(text: string, at: number): number {
  WORD.lastIndex = at
  WORD.test(text)
  return WORD.lastIndex
}

function readName(cursor: Cursor): string {
  skipSpace(cursor)
  const { text, at } = cursor
  if (text[at] !== '"') throw malformed()
  cursor.at = endOfString(text, at) + 1
  const name = JSON.parse(text.slice(at, cursor.at)) as string
  skipSpace(cursor)
  if (text[cursor.at] !== ':') throw malformed()
  cursor.at += 1
  return name
}

/** As `JSON.parse` does it: `__proto__` is a member like any other. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}

function skipSpace(cursor: Cursor): void {
  while (isSpace(cursor.text.charCodeAt(cursor.at))) cursor.at += 1
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09
}

async function giveWay(cursor: Cursor): Promise<void> {
  if (performance.now() - cursor.turnBeganAt < SLICE_MS) return
  await setImmediate()
  cursor.turnBeganAt = performance.now()
}

function malformed(): SyntaxError {
  return new SyntaxError('not valid JSON')
}
