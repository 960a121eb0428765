import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/engine/native/addon.ts'

const SCRIPT = fileURLToPath(new URL('load-and-leave.ts', import.meta.url))
const TIMES = 16

/** Threads and the collector keep some of their own; sixteen copies of the model would be 400 MB. */
const SLACK_BYTES = 100_000_000

const hasKernels = (loadAddon()?.kernels() ?? []).length > 0

describe.skipIf(process.platform !== 'linux').each([
  { backend: 'native', skipped: !hasKernels },
  { backend: 'onnxruntime', skipped: false },
])('with the backend $backend', ({ backend, skipped }) => {
  it.skipIf(skipped)(
    'a process is no larger after many models than after a few, and each takes what is counted for it',
    () => {
      const output = execFileSync(process.execPath, [SCRIPT, backend, String(TIMES)], { encoding: 'utf8' })
      const { counted, loaded, left } = JSON.parse(output) as { counted: number; loaded: number[]; left: number[] }
      expect(left.at(-1)! - left[2]!).toBeLessThan(SLACK_BYTES)
      const taken = median(loaded.map((bytes, time) => bytes - left[time]!))
      expect(taken).toBeLessThan(counted)
      expect(taken).toBeGreaterThan(counted / 3)
    },
    300_000,
  )
})

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
