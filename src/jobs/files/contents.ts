/** Where the bytes of files lie, apart from what the store knows of them. A content is written once and never changed. */
export type Contents = {
  /**
   * Writes a content; when it resolves, a power cut does no harm to it.
   *
   * @throws ValenceError `body_too_large`; whatever the source throws
   */
  write(id: string, source: AsyncIterable<Uint8Array>, limits: { maxBytes: number }): Promise<Written>
  /** The bytes of a content from one of them on, in pieces that were never all in memory. */
  read(id: string, fromByte: number): AsyncIterable<Uint8Array>
  /** Removes a content; one that is not there is gone already. */
  remove(id: string): Promise<void>
  /** The ids of contents that were begun before a time: those among them that no file has are left over. */
  writtenBefore(time: Date): Promise<string[]>
}

export type Written = { bytes: number; sha256: string }
