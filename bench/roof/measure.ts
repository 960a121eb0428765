import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compiled } from '../compiled.ts'

/** Multiply-accumulates a second for each instruction; null where the machine has it not. */
export type Roof = Record<RoofInstruction, { oneCore: number; allCores: number } | null>
export type RoofInstruction = 'vpdpbusd zmm' | 'vpdpbusd ymm' | 'tdpbusd'

/** Long enough to reach the clock that the CPU keeps up, short enough to repeat it in every round. */
const MEASURE_MS = 300
const MEASURE_WITHIN_MS = 60_000
const SOURCE = fileURLToPath(new URL('peak.cpp', import.meta.url))

const run = promisify(execFile)

/** @returns a function that measures, or a line that says why there is none */
export async function compileRoof(): Promise<(() => Promise<Roof>) | string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the roof is measured on x86-64 Linux only'
  try {
    const program = await compiled(SOURCE)
    return async () => {
      const { stdout } = await run(program, [String(MEASURE_MS)], { timeout: MEASURE_WITHIN_MS })
      return JSON.parse(stdout) as Roof
    }
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * What shares of the roof are shares of: the dot product of the widest vectors that there are, on all cores, in the best of
 * the rounds, for whatever else the machine did can only have made a measurement smaller.
 */
export function vectorPeak(roofs: readonly Roof[]): number | undefined {
  const peaks = roofs.flatMap((roof) => (roof['vpdpbusd zmm'] ?? roof['vpdpbusd ymm'])?.allCores ?? [])
  return peaks.length === 0 ? undefined : Math.max(...peaks)
}
