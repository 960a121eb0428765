import { readFileSync } from 'node:fs'
import { CATALOG, EMBEDDED_MODEL_ID } from '../../src/catalog/catalog.ts'
import { findModelFolder } from '../../src/catalog/folder.ts'
import { createEngine } from '../../src/engine/engine.ts'
import type { BackendChoice } from '../../src/engine/pools.ts'
import { createLoader } from '../../src/loading/loader.ts'
import { sizeInMemory } from '../../src/loading/on-demand-files.ts'

/**
 * Loads the embedded model and lets it leave, again and again, in a process of its own, and prints how much memory the process
 * has each time: `node load-and-leave.ts <backend> <times>`.
 */
const [backend, times] = process.argv.slice(2) as [BackendChoice, string]
const model = CATALOG.find(({ id }) => id === EMBEDDED_MODEL_ID)!
const { folder } = findModelFolder(model, { modelsDir: undefined, hubCacheDir: '' })!
const engine = createEngine({
  backend,
  workers: 1,
  maxWaiting: 10,
  maxWaitingTokens: 10_000,
  onWorkerFailure(error) {
    throw error
  },
})
const loader = createLoader(engine)
const { signal } = new AbortController()
const loaded: number[] = []
const left: number[] = []
for (let time = 0; time < Number(times); time++) {
  await loader.load(model, { folder, commit: undefined }, signal)
  await engine.classify(model.id, [{ text: 'a fine film '.repeat(200) }], { signal })
  loaded.push(residentBytes())
  await engine.unload(model.id)
  left.push(residentBytes())
}
console.log(JSON.stringify({ counted: sizeInMemory(folder, engine).bytes, loaded, left }))
await engine.close()

function residentBytes(): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]
  return Number(kilobytes) * 1024
}
