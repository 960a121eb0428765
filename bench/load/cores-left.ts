import { availableParallelism } from 'node:os'
import type { LoadReport } from './job.ts'

/** What the load generator leaves of all cores, from 0 to 1: a server on a machine of its own would have them whole. */
export function coresLeftShare({ cpuMs, elapsedMs }: Pick<LoadReport, 'cpuMs' | 'elapsedMs'>): number {
  return 1 - cpuMs / (elapsedMs * availableParallelism())
}
