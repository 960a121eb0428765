import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadJob, LoadReport } from './job.ts'

const SCRIPT = fileURLToPath(new URL('generate.ts', import.meta.url))
/** What a server may take for what is under way when the time is over. */
const DRAIN_MS = 300_000
/** A latency is some twenty characters in JSON. */
const MOST_OUTPUT = 256 * 2 ** 20

/** Runs the load generator in a process of its own. */
export async function runLoad(job: LoadJob): Promise<LoadReport> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, JSON.stringify(job)], {
    timeout: job.seconds * 1000 + DRAIN_MS,
    maxBuffer: MOST_OUTPUT,
  })
  return JSON.parse(stdout) as LoadReport
}
