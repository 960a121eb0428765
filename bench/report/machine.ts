import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** Where and of what the figures are. */
export type Machine = {
  date: string
  commit: string
  cpu: string
  cores: number
  /** those that matter to INT8 */
  flags: string[]
  memoryGiB: number
  kernel: string
  node: string
  compiler: string | undefined
  /** processes that wanted a core before the bench began; anything much above 0 spoils the figures */
  loadBefore: number
}

const FLAGS = /^(avx2|avx_vnni|avx512f|avx512bw|avx512_vnni|avx512_bf16|avx512_fp16|amx_tile|amx_int8|amx_bf16)$/

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: commit(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    flags: cpuFlags(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    compiler: firstLineOf('g++', ['--version']),
    loadBefore: loadavg()[0] ?? 0,
  }
}

function commit(): string {
  const hash = firstLineOf('git', ['rev-parse', '--short=12', 'HEAD'])
  const changes = firstLineOf('git', ['status', '--porcelain', '--untracked-files=no'])
  return `${hash ?? 'unknown'}${changes ? ' with changes' : ''}`
}

function cpuFlags(): string[] {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return line.split(' ').filter((flag) => FLAGS.test(flag))
  } catch {
    // Only Linux has that file.
    return []
  }
}

function firstLineOf(command: string, args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n', 1)[0]
  } catch {
    return undefined
  }
}
