import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contents } from './contents.ts'
import { measured } from './measured.ts'

/** What a name ends in until its content is whole. */
const UNFINISHED = '.part'

/** Contents in a folder of this machine, for the embedded store, which is this machine's as well. */
export async function openDiskContents(folder: string): Promise<Contents> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const pathOf = (id: string) => join(folder, id)
  return {
    async write(id, source, { maxBytes }) {
      const unfinished = pathOf(id + UNFINISHED)
      const pieces = measured(source, maxBytes)
      try {
        const file = await open(unfinished, 'w', 0o600)
        try {
          for await (const piece of pieces) await file.writeFile(piece)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(unfinished, pathOf(id))
        await syncFolder(folder)
        return pieces.result()
      } catch (error) {
        await rm(unfinished, { force: true })
        throw error
      }
    },
    read: (id, fromByte) => createReadStream(pathOf(id), { start: fromByte }),
    remove: (id) => rm(pathOf(id), { force: true }),
    async writtenBefore(time) {
      const names = await readdir(folder)
      const ids = await Promise.all(
        names.map(async (name) => {
          const written = await stat(pathOf(name)).catch(() => undefined)
          return written !== undefined && written.mtime < time ? [name] : []
        }),
      )
      return ids.flat()
    },
  }
}

/** Makes the names of a folder as durable as the bytes of its files. Windows knows no such thing and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
