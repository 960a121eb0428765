import { randomUUID } from 'node:crypto'
import { link, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'

const ASK_EVERY_MS = 200
const SIGN_OF_LIFE_EVERY_MS = 5000

/** A holder that gave no sign of life for this long is gone, or its machine is. */
const STALE_MS = 30_000

/** Gives a lock back. */
export type Release = () => Promise<void>

type Holder = { pid: number; machine: string; token: string }

/**
 * Takes a lock that is a file: whoever creates it has it. A holder that died is recognised by its process id, or where
 * that tells nothing by the file's age.
 *
 * @throws the signal's reason where it is aborted
 */
export async function lockByFile(path: string, signal: AbortSignal): Promise<Release> {
  const holder: Holder = { pid: process.pid, machine: await machineName(), token: randomUUID() }
  const own = JSON.stringify(holder)
  while (!(await create(path, own))) {
    const stale = await staleHolder(path, holder.machine)
    if (stale !== undefined) await removeStale(path, stale)
    else await setTimeout(ASK_EVERY_MS, undefined, { signal }).catch(() => {})
    signal.throwIfAborted()
  }
  const signOfLife = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), SIGN_OF_LIFE_EVERY_MS)
  signOfLife.unref()
  return async () => {
    clearInterval(signOfLife)
    // Somebody may have taken us for dead and the lock for theirs.
    if ((await readFile(path, 'utf8').catch(() => '')) === own) await rm(path, { force: true })
  }
}

async function create(path: string, own: string): Promise<boolean> {
  try {
    await writeFile(path, own, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** What stands in a lock whose holder is gone; undefined where there is no lock, or its holder lives. */
async function staleHolder(path: string, machine: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  const stats = await stat(path).catch(() => undefined)
  if (text === undefined || stats === undefined) return undefined
  if (Date.now() - stats.mtimeMs > STALE_MS) return text
  const holder = parse(text)
  return holder?.machine === machine && !isAlive(holder.pid) ? text : undefined
}

/** Moved away before it is looked at again: between the two looks somebody may have taken the lock anew. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  await rename(path, aside).catch(() => {})
  const moved = await readFile(aside, 'utf8').catch(() => stale)
  if (moved !== stale) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/** undefined for what its holder has not written yet, or nobody of ours wrote. */
function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Process ids mean something on one machine, and there inside one container. */
async function machineName(): Promise<string> {
  return `${hostname()} ${await readlink('/proc/self/ns/pid').catch(() => '')}`
}
