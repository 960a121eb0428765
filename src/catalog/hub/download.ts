import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileBytes } from './cache.ts'
import { HubError } from './errors.ts'
import type { HubAnswer, HubClient } from './http.ts'
import { type ContentHash, contentRange } from './names.ts'
import { refusal } from './refusal.ts'
import { withRetries } from './retry.ts'

/** A file to bring from an address below the endpoint to a path. */
export type Download = {
  repo: string
  commit: string
  path: string
  address: string
  bytes: number
  hash: ContentHash
  /** where what has come so far is kept, over the end of the process too */
  partial: string
  blob: string
}

/** A line over which this much comes between two breaks is worth another try, however often it breaks. */
const PROGRESS_BYTES = 1024 * 1024

const READ_BYTES = 1024 * 1024

/**
 * Fetches a file, going on where an earlier try ended, and puts it in its place once its size and hash are right.
 *
 * The caller holds the blob's lock.
 *
 * @param onBytes told how much of the file is here
 * @throws HubError; what has come so far is kept unless it is wrong
 */
export async function download(
  client: HubClient,
  file: Download,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(file.partial), { recursive: true })
  await refuseWithoutRoom(file)
  const resumed = ((await fileBytes(file.partial)) ?? 0) > 0
  if (await complete(client, file, onBytes, signal)) return
  // What an earlier process had left may have been wrong; what has just come whole has no such excuse.
  if (resumed && (await complete(client, file, onBytes, signal))) return
  throw new HubError(
    'corrupt',
    `${file.path} of ${file.repo} arrived with another ${file.hash.algorithm} than the Hub had announced. Nothing was kept; try again later.`,
  )
}

/** @returns false where all bytes are here and wrong: they are thrown away */
async function complete(
  client: HubClient,
  file: Download,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const target = await openPartial(file, signal)
  try {
    onBytes(target.bytes)
    await withRetries(async (progressed) => {
      const before = target.bytes
      try {
        if (target.bytes < file.bytes) await fetchRest(client, file, target, onBytes, signal)
      } finally {
        if (target.bytes - before >= PROGRESS_BYTES) progressed()
      }
    }, signal)
    if (target.hash.digest('hex') !== file.hash.hex) {
      await rm(file.partial)
      return false
    }
    // The name of a blob promises its content, after a power failure too.
    await target.handle.sync()
    await rename(file.partial, file.blob)
    return true
  } finally {
    await target.handle.close()
  }
}

/** The file so far: its first `bytes` bytes, and their hash. */
type Target = { handle: FileHandle; bytes: number; hash: Hash }

async function openPartial(file: Download, signal: AbortSignal): Promise<Target> {
  // Created if it is missing, never truncated; positions are given with each read and write.
  const handle = await open(file.partial, 'a+')
  try {
    const target = { handle, bytes: 0, hash: newHash(file) }
    const { size } = await handle.stat()
    if (size > file.bytes) await restart(target, file)
    else await readBack(target, size, signal)
    return target
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function readBack(target: Target, size: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.alloc(READ_BYTES)
  while (target.bytes < size) {
    signal.throwIfAborted()
    const { bytesRead } = await target.handle.read(buffer, 0, READ_BYTES, target.bytes)
    if (bytesRead === 0) return
    target.hash.update(buffer.subarray(0, bytesRead))
    target.bytes += bytesRead
  }
}

async function restart(target: Target, file: Download): Promise<void> {
  await target.handle.truncate(0)
  target.bytes = 0
  target.hash = newHash(file)
}

/** Git hashes a file with its size before it. */
function newHash({ hash, bytes }: Download): Hash {
  return hash.algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`)
}

async function fetchRest(
  client: HubClient,
  file: Download,
  target: Target,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const headers: Record<string, string> = target.bytes > 0 ? { range: `bytes=${target.bytes}-` } : {}
  const answer = await client.send('GET', file.address, { headers, signal })
  await agreeOnStart(answer, file, target)
  onBytes(target.bytes)
  for await (const chunk of answer.chunks()) {
    if (target.bytes + chunk.length > file.bytes) {
      await restart(target, file)
      throw new HubError('corrupt', `${answer.host} sends more of ${file.path} than its ${file.bytes} bytes.`)
    }
    await target.handle.appendFile(chunk)
    target.hash.update(chunk)
    target.bytes += chunk.length
    onBytes(target.bytes)
  }
  if (target.bytes < file.bytes)
    throw new HubError('unreachable', `${answer.host} ended ${file.path} after ${target.bytes} of ${file.bytes} bytes.`)
}

/** Makes sure that the body begins where the file so far ends, or starts the file anew. */
async function agreeOnStart(answer: HubAnswer, file: Download, target: Target): Promise<void> {
  if (answer.status === 200) {
    if (target.bytes > 0) await restart(target, file)
    return
  }
  if (answer.status === 206) {
    const range = contentRange(answer.header('content-range'))
    if (range?.start === target.bytes && range.size === file.bytes) return
  }
  answer.discard()
  if (answer.status === 206 || answer.status === 416) {
    await restart(target, file)
    throw new HubError('server_failed', `${answer.host} cannot go on with ${file.path} where it ended.`)
  }
  throw refusal(answer, { repo: file.repo, revision: file.commit, path: file.path })
}

async function refuseWithoutRoom(file: Download): Promise<void> {
  const missing = file.bytes - ((await fileBytes(file.partial)) ?? 0)
  const { bavail, bsize } = await statfs(dirname(file.partial))
  if (bavail * bsize >= missing) return
  throw new HubError(
    'disk_full',
    `The disk is full: ${file.path} of ${file.repo} needs ${missing} bytes more, and ${dirname(file.blob)} has ${bavail * bsize}. Free some, or set HF_HUB_CACHE.`,
  )
}
