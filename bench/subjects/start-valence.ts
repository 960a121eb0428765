import { prepareModels } from '../prepare.ts'
import { type BenchModel, COMPETITORS, MODELS } from './competitors.ts'
import { startSubject } from './process.ts'

/** Flags of a bench that measures Valence alone. */
export const VALENCE_FLAGS = {
  backend: { type: 'string', default: 'native' },
  model: { type: 'string', default: 'distilbert-random' satisfies BenchModel['name'] },
} as const

/**
 * Starts Valence with one backend and model; ends this process with a line where that cannot be.
 *
 * @param suffix '' for the engine and the server, '-forward' for the forward pass alone
 */
export async function startValence(values: { backend: string; model: string }, suffix: '' | '-forward') {
  const model = MODELS.find(({ name }) => name === values.model)
  const competitor = COMPETITORS.find(({ id }) => id === `valence-${values.backend}${suffix}`)
  if (!model)
    return refuse(`--model: there is no ${values.model}; there are ${MODELS.map(({ name }) => name).join(', ')}`)
  if (!competitor)
    return refuse(`--backend: there is no ${values.backend}; there are native, avx512-vnni and onnxruntime`)
  const workloads = prepareModels()
  const missing = competitor.missing(model)
  if (missing !== undefined) return refuse(missing)
  const subject = await startSubject(competitor, model)
  return { subject, model, workloads, stop: () => subject.stop() }
}

function refuse(reason: string): never {
  console.error(reason)
  process.exit(2)
}
