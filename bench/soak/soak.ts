import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { bytesPerCall, median } from './regression.ts'
import type { SpeedReply, SpeedRequest } from './speed.ts'
import type { CallsReport, Ending, OptimizersReport, SessionsReport, ThreadJob } from './thread.ts'

/**
 * Compares versions of onnxruntime-node, each installed into a folder of its own: what a call leaks, what a session
 * leaks, how threads end, what the optimiser does, and how fast the embedded network is.
 *
 *   node bench/soak/soak.ts [--probes calls,varied,sessions,end,optimizers,speed] [--seconds 90]
 *     [--cycles 200] [version …]
 */
const VERSIONS = ['1.20.1', '1.21.1', '1.22.0', '1.23.2', '1.24.3', '1.27.0', '1.30.0']
const PROBES = ['calls', 'varied', 'sessions', 'end', 'optimizers', 'speed']
const MIB = 2 ** 20
const MOST_CALLS = 1_000_000
const ENDINGS: readonly Ending[] = ['terminate busy', 'terminate idle', 'exit while busy', 'ask']
const REPEATS = 30
const PROBE_TIMEOUT_MS = 15_000
const SPEED_ROUNDS = 20

const run = promisify(execFile)
const scriptOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Installs a version once; the folder is kept between runs. */
async function install(version: string, root: string): Promise<string> {
  const folder = join(root, version)
  if (existsSync(join(folder, 'node_modules', 'onnxruntime-node'))) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  // The install script fetches a GPU library; the one for the CPU is in the package.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', ...flags, `onnxruntime-node@${version}`], { cwd: folder })
  return folder
}

async function probe<T>(job: ThreadJob, timeout = 0): Promise<T> {
  const { stdout } = await run(process.execPath, ['--expose-gc', scriptOf('probe.ts'), JSON.stringify(job)], {
    timeout,
    killSignal: 'SIGKILL',
  })
  return JSON.parse(stdout) as T
}

async function callsRow(folder: string, lengths: 'fixed' | 'varied', seconds: number) {
  const job: ThreadJob = { probe: 'calls', folder, lengths, calls: MOST_CALLS, seconds }
  const { samples, calls, callsPerSecond } = await probe<CallsReport>(job)
  return {
    calls,
    'bytes/call': round(bytesPerCall(samples)),
    // The slope of the second half alone, should the first still be filling caches.
    'bytes/call, 2nd half': round(bytesPerCall(samples.slice(samples.length / 2))),
    'calls/s': round(callsPerSecond),
    'RSS start MiB': round(samples[0]!.bytes / MIB),
    'RSS end MiB': round(samples.at(-1)!.bytes / MIB),
  }
}

async function sessionsRow(folder: string, cycles: number) {
  const { samples } = await probe<SessionsReport>({ probe: 'sessions', folder, cycles })
  return {
    'bytes/cycle': round(bytesPerCall(samples)),
    'bytes/cycle, 2nd half': round(bytesPerCall(samples.slice(samples.length / 2))),
    'RSS start MiB': round(samples[0]!.bytes / MIB),
    'RSS end MiB': round(samples.at(-1)!.bytes / MIB),
  }
}

async function endRow(folder: string) {
  const row: Record<string, string> = {}
  for (const how of ENDINGS) {
    const failures: string[] = []
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      await probe({ probe: 'end', folder, how }, PROBE_TIMEOUT_MS).catch((error: { signal?: string; code?: number }) =>
        failures.push(error.signal ?? `exit code ${error.code}`),
      )
    }
    row[how] = failures.length === 0 ? 'well' : countsOf(failures)
  }
  return row
}

async function optimizersRow(folder: string) {
  const scratch = join(folder, 'scratch')
  mkdirSync(scratch, { recursive: true })
  const report = await probe<OptimizersReport>({ probe: 'optimizers', folder, scratch })
  return Object.fromEntries(Object.entries(report).map(([spelling, operators]) => [spelling, operators.join(' ')]))
}

/** Takes turns between the versions, so that whatever else the machine does falls on all of them alike. */
async function speedTable(folders: Map<string, string>) {
  const children = new Map<string, ChildProcess>()
  for (const [version, folder] of folders) {
    const child = fork(scriptOf('speed.ts'), [folder])
    child.once('exit', (code, signal) => {
      // It will say nothing more, and must not be waited for.
      if (!child.killed) throw new Error(`timing ${version} ended with ${signal ?? code}`)
    })
    await once(child, 'message')
    children.set(version, child)
  }
  const times = new Map<string, SpeedReply>()
  for (let round = 0; round < SPEED_ROUNDS; round++) {
    for (const [version, child] of children) {
      for (const request of [
        { tokens: 25, runs: 20 },
        { tokens: 512, runs: 2 },
      ] satisfies SpeedRequest[]) {
        child.send(request)
        const [reply] = (await once(child, 'message')) as [SpeedReply]
        const key = `${version} ${request.tokens}`
        times.set(key, [...(times.get(key) ?? []), ...reply])
      }
    }
  }
  for (const child of children.values()) child.kill()
  const medianOf = (key: string, field: 'wallMs' | 'cpuMs') => round(median(times.get(key)!.map((time) => time[field])))
  return [...folders.keys()].map((version) => ({
    version,
    '25 tokens, ms': medianOf(`${version} 25`, 'wallMs'),
    '512 tokens, ms': medianOf(`${version} 512`, 'wallMs'),
    // The kernel counts a thread's time to some milliseconds, which is enough for the long text only.
    '512 tokens, CPU ms': medianOf(`${version} 512`, 'cpuMs'),
  }))
}

async function tableOf(folders: Map<string, string>, rowOf: (folder: string) => Promise<object>) {
  const rows: object[] = []
  for (const [version, folder] of folders) rows.push({ version, ...(await rowOf(folder)) })
  return rows
}

function countsOf(names: readonly string[]): string {
  return [...new Set(names)].map((name) => `${names.filter((other) => other === name).length} × ${name}`).join(', ')
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    probes: { type: 'string', default: PROBES.join(',') },
    seconds: { type: 'string', default: '90' },
    cycles: { type: 'string', default: '200' },
    root: { type: 'string', default: join(tmpdir(), 'valence-ort') },
  },
})
const folders = new Map<string, string>()
for (const version of positionals.length > 0 ? positionals : VERSIONS) {
  folders.set(version, await install(version, values.root))
}
const tables: Record<string, () => Promise<object[]>> = {
  calls: () => tableOf(folders, (folder) => callsRow(folder, 'fixed', Number(values.seconds))),
  varied: () => tableOf(folders, (folder) => callsRow(folder, 'varied', Number(values.seconds))),
  sessions: () => tableOf(folders, (folder) => sessionsRow(folder, Number(values.cycles))),
  end: () => tableOf(folders, endRow),
  optimizers: () => tableOf(folders, optimizersRow),
  speed: () => speedTable(folders),
}
for (const name of values.probes.split(',')) {
  const table = tables[name]
  if (!table) throw new Error(`There is no probe ${name}; there are ${PROBES.join(', ')}.`)
  console.log(name)
  console.table(await table())
}
