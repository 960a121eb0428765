import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HubError } from './errors.ts'
import { lockByFile, type Release } from './lock-file.ts'

/** What a second process may need to fetch a large model over a slow line. */
const LONGEST_WAIT_MS = 2 * 3_600_000

/**
 * Takes the lock of a blob, and waits while another process has it.
 *
 * Python holds it by flock(2), which Node does not have; the program `flock`, where it is there, holds it for us, and the
 * kernel frees it when this process dies. Elsewhere a lock file keeps processes of Valence apart. A broken lock costs a
 * second download and no more: what comes is checked by its hash and put in place at once.
 *
 * @throws HubError `locked`; the signal's reason where it is aborted
 */
export async function lock(path: string, signal: AbortSignal): Promise<Release> {
  await mkdir(dirname(path), { recursive: true })
  const patience = AbortSignal.timeout(LONGEST_WAIT_MS)
  const either = AbortSignal.any([signal, patience])
  try {
    return (await lockByProgram(path, either)) ?? (await lockByFile(`${path}.valence`, either))
  } catch (error) {
    signal.throwIfAborted()
    if (patience.aborted) throw new HubError('locked', `Another process has held ${path} for too long.`)
    throw error
  }
}

/**
 * Lets `flock` hold the lock for as long as our end of a pipe to it is open.
 *
 * @returns undefined where the program is missing or cannot lock this file
 */
function lockByProgram(path: string, signal: AbortSignal): Promise<Release | undefined> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    // In a session of its own, so that Ctrl-C on the terminal does not free the lock while we still write.
    const child = spawn('flock', [path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    const onAbort = () => {
      release(child)
      child.kill()
      reject(signal.reason)
    }
    const settle = (held: Release | undefined) => {
      signal.removeEventListener('abort', onAbort)
      resolve(held)
    }
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.once('error', () => settle(undefined))
    void exited.then(() => settle(undefined))
    child.stdin.on('error', () => {})
    // `cat` runs, and sends this back, once the lock is ours.
    child.stdout.once('data', () =>
      settle(async () => {
        release(child)
        await exited
      }),
    )
    child.stdin.write('\n')
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** The kernel frees the lock when `cat` ends, which it does at the end of its input. */
function release(child: ChildProcess): void {
  child.stdin?.end()
}
