import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CATALOG, EMBEDDED_MODEL_ID } from '../../src/catalog/catalog.ts'
import { findModelFolder } from '../../src/catalog/folder.ts'
import { createEngine, type Engine } from '../../src/engine/engine.ts'
import { createLoader } from '../../src/loading/loader.ts'

const model = CATALOG.find(({ id }) => id === EMBEDDED_MODEL_ID)!
const { folder } = findModelFolder(model, { modelsDir: undefined, hubCacheDir: '' })!
const { signal } = new AbortController()

let engine: Engine
beforeAll(() => {
  engine = createEngine({ backend: 'auto', workers: 1, maxWaiting: 10, maxWaitingTokens: 10_000, onWorkerFailure() {} })
})
afterAll(() => engine.close())

it.skipIf(process.platform !== 'linux')(
  'models are read one at a time, each on a thread that comes after those that answer',
  async () => {
    const loader = createLoader(engine)
    const usual = readersOf(threads())
    const over = new AbortController()
    const loads = Promise.all(
      [0, 1, 2].map((copy) => loader.load({ ...model, id: `copy-${copy}` }, { folder, commit: undefined }, signal)),
    ).finally(() => over.abort())
    const seen: number[] = []
    while (!over.signal.aborted) {
      seen.push(readersOf(threads()) - usual)
      await setTimeout(2)
    }
    await loads
    expect(Math.max(...seen)).toBe(1)
    expect(await engine.classify('copy-2', [{ text: 'fine' }], { signal })).toHaveLength(1)
  },
)

it('one that cannot be read does not keep the next from coming', async () => {
  const loader = createLoader(engine)
  const broken = loader.load({ ...model, id: 'broken' }, { folder: '/nowhere/at/all', commit: undefined }, signal)
  const next = loader.load({ ...model, id: 'next' }, { folder, commit: undefined }, signal)
  await expect(broken).rejects.toThrow(/no such file/)
  await next
})

/** How many of the threads have a lower priority than the process began with. */
function readersOf(nicenesses: readonly number[]): number {
  return nicenesses.filter((niceness) => niceness >= 10).length
}

/** The niceness of each thread of this process; field 19 of its stat, of which the second may hold spaces. */
function threads(): number[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
    } catch {
      return []
    }
  })
}
