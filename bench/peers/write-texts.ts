import { mkdirSync, writeFileSync } from 'node:fs'
import { gateAndCalibration, readWorkloads } from '../work/workloads.ts'

/** Writes `models/texts.json` beside this file: what make_checkpoints.py calibrates on and computes reference logits for. */
const folder = new URL('models/', import.meta.url)
mkdirSync(folder, { recursive: true })
writeFileSync(new URL('texts.json', folder), JSON.stringify(gateAndCalibration(readWorkloads())))
