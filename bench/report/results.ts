import type { Accuracy } from '../accuracy.ts'
import type { Roof } from '../roof/measure.ts'
import type { WorkloadName } from '../work/workloads.ts'
import type { Machine } from './machine.ts'

/** All that one run of the bench found: what it keeps as JSON, and what the page is made of. */
export type Results = {
  machine: Machine
  rounds: number
  secondsARound: number
  quick: boolean
  /** false where made-up texts stood in for SST-2 and the reviews */
  realTexts: boolean
  roofMissing?: string
  models: ModelResults[]
}

export type ModelResults = {
  name: string
  title: string
  workloads: {
    name: WorkloadName
    title: string
    texts: number
    meanTokens: number
    macs: number
    linearMacs: number
    /** what Valence's kernels carry out of `macs` */
    kernelMacs: number
  }[]
  /** one a round; none where it could not be measured */
  roof: Roof[]
  competitors: CompetitorResults[]
}

export type CompetitorResults = {
  id: string
  title: string
  settings: string
  versions: Record<string, string | number>
  /** why it has no figures */
  skipped?: string
  accuracy?: Accuracy
  cells: Cell[]
}

/** `one` and `batches` in the library's own process, the others over HTTP. */
export const MODES = ['one', 'batches', 'http1', 'http8', 'http32'] as const
export type Mode = (typeof MODES)[number]

export const CLIENTS: Partial<Record<Mode, number>> = { http1: 1, http8: 8, http32: 32 }

export type Cell = { workload: WorkloadName; mode: Mode; rounds: Round[]; failed?: string }

export type Round = {
  texts: number
  elapsedMs: number
  textsPerSecond: number
  /** multiply-accumulates that those texts needed, a second */
  macsPerSecond: number
  p50Ms?: number
  p99Ms?: number
  /** requests without an answer of 200 */
  failures?: Record<string, number>
  /** CPU time of the load generator, ms */
  loadCpuMs?: number
  /** what the server says of a text in its server-timing header, ms in the mean */
  serverTimingMs?: Record<string, number>
}
