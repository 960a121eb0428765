import { prepareModels } from '../prepare.ts'
import type { Workload, WorkloadName } from '../work/workloads.ts'
import { type BenchModel, COMPETITORS, MODELS } from './competitors.ts'
import { type Subject, startSubject } from './process.ts'

/** Flags of a bench that measures Valence alone. */
export const VALENCE_FLAGS = {
  backend: { type: 'string', default: 'onnx' },
  model: { type: 'string', default: 'distilbert-random' satisfies BenchModel['name'] },
} as const

/** Starts Valence with one backend and model; ends this process with a line where that cannot be. */
export async function startValence(values: {
  backend: string
  model: string
}): Promise<{ subject: Subject; workloads: Map<WorkloadName, Workload> }> {
  const model = MODELS.find(({ name }) => name === values.model)
  const competitor = COMPETITORS.find(({ id }) => id === `valence-${values.backend}`)
  if (!model)
    return refuse(`--model: there is no ${values.model}; there are ${MODELS.map(({ name }) => name).join(', ')}`)
  if (!competitor) return refuse(`--backend: there is no ${values.backend}; there are native and onnx`)
  const workloads = prepareModels()
  const missing = competitor.missing(model)
  if (missing !== undefined) return refuse(missing)
  return { subject: await startSubject(competitor, model), workloads }
}

function refuse(reason: string): never {
  console.error(reason)
  process.exit(2)
}
