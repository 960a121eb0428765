import { resolve } from 'node:path'
import { findModel } from '../../src/catalog/catalog.ts'
import { openClassifier } from '../../src/classifier.ts'
import { readConfig } from '../../src/config.ts'
import { VERSION } from '../../src/version.ts'
import { runSubject } from './node-subject.ts'

/**
 * `valence.ts <model id> <models folder> <workloads>`: Valence's engine in this process, without HTTP. Its settings come from the
 * environment, as the server's do.
 */
const [model = '', modelsDir = '', workloads = ''] = process.argv.slice(2)

/** Lists under way at once: while the last texts of one are computed, the workers find those of the next waiting. */
const LISTS_AT_ONCE = 4

const config = readConfig({ 'models-dir': resolve(modelsDir), 'strict-models': true }, process.env)
const { engine } = await openClassifier(config, {
  workerDied: fail,
  unreadable: (_, error) => fail(error),
})
const { signal } = new AbortController()
const { id } = findModel(model)!

await runSubject(
  {
    versions: { valence: VERSION, workers: config.workers, backend: config.backend },
    listsAtOnce: LISTS_AT_ONCE,
    serve: false,
    async classify(texts) {
      const results = await engine.classify(
        id,
        texts.map((text) => ({ text })),
        { signal },
      )
      return results.map(({ scores }) => scores.find(({ label }) => label === 'POSITIVE')!.score)
    },
  },
  workloads,
)

function fail(error: unknown): never {
  throw error
}
