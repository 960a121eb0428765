import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MODELS, MODELS_FOLDER, VALENCE_MODELS, WORKLOADS_FILE } from './subjects/competitors.ts'
import { readWorkloads, type Workload, type WorkloadName } from './work/workloads.ts'

/** Puts texts and folders where the libraries' processes find them. */
export function prepareModels(): Map<WorkloadName, Workload> {
  const workloads = readWorkloads()
  mkdirSync(MODELS_FOLDER, { recursive: true })
  writeFileSync(WORKLOADS_FILE, JSON.stringify(Object.fromEntries(workloads)))
  placeForValence()
  return workloads
}

/** Valence finds a model's folder by its name; the link gives it the made-up weights for the real ones. */
function placeForValence(): void {
  const link = join(VALENCE_MODELS, 'distilbert', 'distilbert-base-uncased-finetuned-sst-2-english')
  const folder = join(MODELS_FOLDER, MODELS[0]!.name)
  mkdirSync(dirname(link), { recursive: true })
  if (existsSync(link) || !existsSync(folder)) return
  // One that leads nowhere is left from a checkout that was moved.
  rmSync(link, { force: true })
  symlinkSync(folder, link)
}
