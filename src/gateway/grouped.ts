import { ValenceError } from '../errors.ts'

/**
 * Runs operations in groups, one group at a time: what arrives while a group is under way makes up the next one. Under load
 * a transaction of the store then serves many requests, and alone an operation waits for nothing.
 *
 * @param run does a whole group, and returns one outcome an operation; where it throws, every operation of the group fails
 * @returns a function that does one operation; it throws ValenceError `busy` where too many wait
 */
export function grouped<Operation, Outcome>(
  run: (operations: Operation[]) => Promise<Outcome[]>,
): (operation: Operation) => Promise<Outcome> {
  type Waiting = { operation: Operation; resolve: (outcome: Outcome) => void; reject: (reason: unknown) => void }
  let waiting: Waiting[] = []
  let isUnderWay = false

  async function runGroups(): Promise<void> {
    isUnderWay = true
    // Whatever else arrives in this turn of the event loop belongs to the first group.
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting.slice(0, MAX_GROUP)
      waiting = waiting.slice(MAX_GROUP)
      try {
        const outcomes = await run(group.map(({ operation }) => operation))
        for (const [index, { resolve }] of group.entries()) resolve(outcomes[index]!)
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    isUnderWay = false
  }

  return (operation) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= MAX_WAITING) {
        reject(new ValenceError('busy', 'The store cannot keep up. Try again shortly.', { retryAfterSeconds: 1 }))
        return
      }
      waiting.push({ operation, resolve, reject })
      if (!isUnderWay) void runGroups()
    })
}

/** Larger groups save little, and make the first operation wait for the last. */
const MAX_GROUP = 256

/** Some seconds' work for a slow disk. */
const MAX_WAITING = 10_000
