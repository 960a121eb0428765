import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Bytes of known length that are read by place: a file, or memory in tests. */
export type ByteSource = {
  byteLength: number
  /** of an open file, for who reads it by other means */
  descriptor?: number
  /**
   * Fills `into` with the bytes from `at` on.
   *
   * @throws Error where the source ends before that
   */
  read(into: Uint8Array, at: number): void
}

/** The most that one call to the system is asked for: some refuse more than two gigabytes. */
const MAX_READ_BYTES = 256 * 1024 * 1024

export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    byteLength: bytes.byteLength,
    read(into, at) {
      if (at + into.byteLength > bytes.byteLength) throw cutShort()
      into.set(bytes.subarray(at, at + into.byteLength))
    },
  }
}

/**
 * Opens a file for reading by place, straight into the memory where it is needed, shared or not.
 *
 * @throws Error where it is none, such as a folder, a pipe that nobody writes to, or a link in a circle
 */
export function openFile(path: string): ByteSource & { close(): void } {
  // Opening a pipe would wait for a writer for ever.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  const status = fstatSync(descriptor)
  if (!status.isFile()) {
    closeSync(descriptor)
    throw new Error('is not a file')
  }
  return {
    byteLength: status.size,
    descriptor,
    read(into, at) {
      for (let done = 0; done < into.byteLength; ) {
        const count = readSync(descriptor, into, done, Math.min(into.byteLength - done, MAX_READ_BYTES), at + done)
        if (count === 0) throw cutShort()
        done += count
      }
    },
    close: () => closeSync(descriptor),
  }
}

function cutShort(): Error {
  return new Error('the file ends before what it announces')
}
