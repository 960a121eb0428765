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
 * What a round's shares of the roof are shares of: the dot product of the widest vectors that there are, on all cores, as it was in that
 * round, since a machine's clock may be 6% faster some minutes later.
 *
 * @returns multiply-accumulates a second, one figure a round; none where there is no such instruction
 */
export function vectorPeaks(roofs: readonly Roof[]): number[] {
  return roofs.flatMap((roof) => (roof['vpdpbusd zmm'] ?? roof['vpdpbusd ymm'])?.allCores ?? [])
}
