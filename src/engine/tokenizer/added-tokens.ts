import { asArray, asBoolean, asCount, asObject, asString, type JsonObject, mustBe } from './json.ts'
import type { SpecialToken, SpecialTokens } from './special-tokens.ts'

type AddedToken = { content: string; takesSpaceBefore: boolean; normalized: boolean }

/**
 * Reads `added_tokens` of a tokenizer.json. The first of the two passes finds those that stand in the text as it came,
 * the second those that stand in it when it is normalised.
 *
 * @throws Error where an option is set that is not supported
 */
export function readAddedTokens(addedTokens: unknown): [SpecialTokens, SpecialTokens] {
  const asItCame = new Map<string, SpecialToken>()
  const normalised = new Map<string, SpecialToken>()
  for (const [index, value] of asArray(addedTokens, 'added_tokens').entries()) {
    const where = `added_tokens[${index}]`
    const token = asObject(value, where)
    const { content, takesSpaceBefore, normalized } = readAddedToken(token, where)
    const id = asCount(token.id, `${where}.id`)
    ;(normalized ? normalised : asItCame).set(content, { id, takesSpaceBefore })
  }
  return [asItCame, normalised]
}

/** Reads one token, wherever it is listed. */
export function readAddedToken(token: JsonObject, where: string): AddedToken {
  for (const option of ['single_word', 'rstrip']) mustBe(token[option], false, `${where}.${option}`)
  const content = asString(token.content, `${where}.content`)
  if (content === '') throw new Error(`${where}.content is empty`)
  return {
    content,
    takesSpaceBefore: asBoolean(token.lstrip, `${where}.lstrip`),
    normalized: asBoolean(token.normalized, `${where}.normalized`),
  }
}
