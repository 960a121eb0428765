/** JSON that is made as it is sent. */
export type JsonPieces = AsyncGenerator<string>

export async function* wholeJson(value: object): JsonPieces {
  yield JSON.stringify(value)
}

/** A value as Cloudflare's envelope around it. */
export async function* enveloped(pieces: JsonPieces): JsonPieces {
  yield '{"result":'
  yield* pieces
  yield ',"success":true,"errors":[],"messages":[]}'
}
