import type { AppendText, WordPieceDefinition } from './definition.ts'
import { DROPPED, kinds, PUNCTUATION, SPACE } from './unicode.ts'
import { rememberingWords } from './word-cache.ts'
import { createWordTable } from './word-table.ts'
import { createWordPiece } from './wordpiece.ts'
import { createWordPieceText } from './wordpiece-text.ts'

/** What the shortcut does with a character: 'letter' is whatever makes words, digits included. */
const LETTER = 0
const GAP = 1
const MARK = 2
/** Beyond ASCII, or dropped by cleaning. */
const OTHER = 3

const ASCII_SIZE = 128
const ASCII_ROLES = Uint8Array.from({ length: ASCII_SIZE }, (_, code) => roleOf(kinds[code]!))

function roleOf(kind: number): number {
  if (kind & SPACE) return GAP
  if (kind & PUNCTUATION) return MARK
  return kind & DROPPED ? OTHER : LETTER
}

/**
 * Makes the function that reads texts as `createWordPieceText` does, but faster where they are ASCII or repeat words.
 *
 * A text can be read in parts that are cut at ASCII white space and beside ASCII punctuation: both end a word, and no
 * step of normalisation looks across them. A part's ids thus depend on the part alone, and can be remembered by it. On a part of ASCII
 * letters and digits no step of normalisation but lower case changes anything. What has another character is read the long way from
 * where its word begins up to the next ASCII white space.
 */
export function createWordPieceShortcut(definition: WordPieceDefinition): AppendText {
  const appendPieces = createWordPiece(definition.model)
  const appendText = createWordPieceText(definition, appendPieces)
  const { lowercase } = definition.normalisation
  const words = createWordTable((word, ids) => appendPieces(lowercase ? word.toLowerCase() : word, ids))
  const appendPart = rememberingWords(appendText)
  const markIds = idsOfMarks(appendText)

  return (text, ids, budget) => {
    let start = 0
    while (start < text.length && ids.length <= budget) {
      const role = roleAt(text, start)
      if (role === GAP) {
        start++
      } else if (role === MARK) {
        ids.push(markIds[text.charCodeAt(start)]!)
        start++
      } else {
        let end = start
        while (roleAt(text, end) === LETTER) end++
        if (roleAt(text, end) === OTHER) {
          while (roleAt(text, end) !== GAP) end++
          appendPart(text.slice(start, end), ids, budget)
        } else {
          words.append(text, start, end, ids)
        }
        start = end
      }
    }
  }
}

/** GAP at the end of the text. */
function roleAt(text: string, index: number): number {
  if (index >= text.length) return GAP
  const code = text.charCodeAt(index)
  return code < ASCII_SIZE ? ASCII_ROLES[code]! : OTHER
}

/** The one id of each mark, which is a word of its own; zero for other characters. */
function idsOfMarks(appendText: AppendText): Int32Array {
  return Int32Array.from(ASCII_ROLES, (role, code) => {
    const ids: number[] = []
    if (role === MARK) appendText(String.fromCharCode(code), ids, 1)
    return ids[0] ?? 0
  })
}
