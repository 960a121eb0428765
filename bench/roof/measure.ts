import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Multiply-accumulates a second for each instruction; null where the machine has it not. */
export type Roof = Record<RoofInstruction, { oneCore: number; allCores: number } | null>
export type RoofInstruction = 'vpdpbusd zmm' | 'vpdpbusd ymm' | 'tdpbusd'

/** Long enough to reach the clock that the CPU keeps up, short enough to repeat it in every round. */
const MEASURE_MS = 300
const COMPILE_WITHIN_MS = 60_000

const run = promisify(execFile)

/**
 * Compiles the measuring program into a folder.
 *
 * @returns a function that measures, or a line that says why there is none
 */
export async function compileRoof(folder: string): Promise<(() => Promise<Roof>) | string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the roof is measured on x86-64 Linux only'
  mkdirSync(folder, { recursive: true })
  const program = join(folder, 'peak')
  const source = fileURLToPath(new URL('peak.cpp', import.meta.url))
  try {
    await run('g++', ['-O2', '-std=c++17', '-pthread', '-o', program, source], { timeout: COMPILE_WITHIN_MS })
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return missing ? 'there is no g++' : 'g++ could not compile bench/roof/peak.cpp'
  }
  return async () => {
    const { stdout } = await run(program, [String(MEASURE_MS)], { timeout: COMPILE_WITHIN_MS })
    return JSON.parse(stdout) as Roof
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
