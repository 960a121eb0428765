/** Gathers what comes one by one into lists, each until it is full; the last may not be. */
export async function* gathered<T>(
  source: AsyncIterable<T>,
  isFull: (group: readonly T[]) => boolean,
): AsyncGenerator<T[]> {
  let group: T[] = []
  for await (const item of source) {
    group.push(item)
    if (!isFull(group)) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
