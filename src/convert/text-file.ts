import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { openFile } from './byte-source.ts'

/**
 * Reads a text file of a model's folder.
 *
 * @param maxBytes more is refused before it is read
 * @returns undefined where there is no such file
 */
export function readTextFile(folder: string, name: string, maxBytes: number): string | undefined {
  return inFile(folder, name, (path) => {
    const file = openIfThere(path)
    if (file === undefined) return undefined
    try {
      if (file.byteLength > maxBytes) throw new Error(`has ${file.byteLength} bytes; at most ${maxBytes} are read`)
      const bytes = Buffer.alloc(file.byteLength)
      file.read(bytes, 0)
      return bytes.toString('utf8')
    } finally {
      file.close()
    }
  })
}

/** As `readTextFile`, for JSON. */
export function readJsonFile(folder: string, name: string, maxBytes: number): unknown {
  const text = readTextFile(folder, name, maxBytes)
  if (text === undefined) return undefined
  return inFile(folder, name, () => {
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new Error('is not JSON', { cause })
    }
  })
}

/** Puts the file's path before the message of an error. */
export function inFile<T>(folder: string, name: string, read: (path: string) => T): T {
  const path = join(folder, name)
  try {
    return read(path)
  } catch (cause) {
    throw new Error(`${path}: ${explained(cause)}`, { cause })
  }
}

function explained(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'ELOOP') return 'its symbolic links go round in a circle'
  if (code === 'EACCES') return 'this user may not read it'
  return cause.message
}

function openIfThere(path: string): ReturnType<typeof openFile> | undefined {
  try {
    return openFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
