/** Narrowing of parsed JSON. Each of these throws an Error that names the place and what was found there. */

export type JsonObject = { readonly [key: string]: unknown }

export function asObject(value: unknown, where: string): JsonObject {
  if (isObject(value)) return value
  throw new Error(`${where} is ${show(value)}; an object was expected`)
}

export function asArray(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new Error(`${where} is ${show(value)}; an array was expected`)
}

export function asString(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  throw new Error(`${where} is ${show(value)}; a string was expected`)
}

export function asBoolean(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value
  throw new Error(`${where} is ${show(value)}; true or false was expected`)
}

/** A number that an int32 tensor can hold as an id or an index. */
export function asCount(value: unknown, where: string): number {
  if (isCount(value)) return value
  throw new Error(`${where} is ${show(value)}; a non-negative 32-bit integer was expected`)
}

/** The ids of a vocabulary's pieces. With 50,000 of them, an error is put together only where it is thrown. */
export function asVocabulary(value: unknown, where: string): Map<string, number> {
  const ids = asObject(value, where)
  const vocabulary = new Map<string, number>()
  for (const piece in ids) {
    const id = ids[piece]
    vocabulary.set(piece, isCount(id) ? id : asCount(id, `${where}[${JSON.stringify(piece)}]`))
  }
  return vocabulary
}

/** Refuses any other value than the one supported. */
export function mustBe(value: unknown, supported: string | boolean | null, where: string): void {
  if (value === supported) return
  throw new Error(`${where} is ${show(value)}; only ${show(supported)} is supported`)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value as an error may show it. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
