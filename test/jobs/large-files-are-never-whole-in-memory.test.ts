import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { STORE_KINDS, storePlace } from '../support/stores.ts'
import { chatLine, chatLines, clientOf, endOf, resultsIn, startBatch, startOn, until } from './support.ts'

const LINES = 50_000

/** Just below the 200 MB that a file may have. */
const CONTENT_LENGTH = 3800

/** 390 MB go through, and what has gone waits for the collector; kept whole, they would be there beside that. */
const MOST_GROWTH_MB = 230

const HAS_PROC = existsSync('/proc/self/clear_refs')

/** The most memory that a process has had at once since it was last asked, in MB. */
function peakMb(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  return Number(kilobytes) / 1024
}

const BOUNDARY = 'the-end-of-a-part'

/** A form with the file in it, made as it is sent. */
async function* form(hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  yield Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`)
  yield Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="big.jsonl"\r\n\r\n`)
  for (let line = 0; line < LINES; line += 1) {
    const bytes = Buffer.from(`${chatLine(`line-${line}`, `${line} `.padEnd(CONTENT_LENGTH, 'word '))}\n`)
    hash.update(bytes)
    yield bytes
  }
  yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
}

describe.skipIf(!HAS_PROC).each(STORE_KINDS)('on the %s store', (kind) => {
  it('a file of 195 MB is uploaded, validated and read back in little memory', { timeout: 300_000 }, async () => {
    await using place = await storePlace(kind)
    const server = await startOn(place)
    const client = clientOf(server)
    // What any file takes is there before: code is imported and compiled when it is needed.
    const small = await endOf(client, (await startBatch(client, chatLines(100))).id)
    await resultsIn(client, small.output_file_id)
    const pid = server.process.pid!
    peakMb(pid)
    const before = peakMb(pid)

    const hash = createHash('sha256')
    const response = await fetch(`${server.url}/v1/files`, {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
      body: Readable.toWeb(Readable.from(form(hash))) as ReadableStream,
      duplex: 'half',
    })
    const file = (await response.json()) as { id: string; bytes: number; sha256: string }
    expect(file.bytes).toBeGreaterThan(190_000_000)
    expect(file.sha256).toBe(hash.digest('hex'))

    const batch = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    })
    const validated = await until(
      () => client.batches.retrieve(batch.id),
      ({ status }) => status !== 'validating',
      120_000,
    )
    expect(validated.errors).toBeNull()
    expect(validated.request_counts!.total).toBe(LINES)
    await client.batches.cancel(batch.id)

    const read = createHash('sha256')
    const content = await client.files.content(file.id)
    for await (const piece of content.body as unknown as AsyncIterable<Uint8Array>) read.update(piece)
    expect(read.digest('hex')).toBe(file.sha256)

    expect(peakMb(pid) - before).toBeLessThan(MOST_GROWTH_MB)
    await server.stop()
  })

  it('a file that is larger is refused, and leaves nothing', { timeout: 300_000 }, async () => {
    await using place = await storePlace(kind)
    const server = await startOn(place)
    async function* endless(): AsyncGenerator<Buffer> {
      yield Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="big.jsonl"\r\n\r\n`)
      const piece = Buffer.alloc(1_000_000, 'x')
      for (let pieces = 0; pieces < 201; pieces += 1) yield piece
      yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
    }
    const response = await fetch(`${server.url}/v1/files`, {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
      body: Readable.toWeb(Readable.from(endless())) as ReadableStream,
      duplex: 'half',
    })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', param: 'file' } })
    expect((await clientOf(server).files.list()).data).toEqual([])
    await server.stop()
    const { db } = await place.open()
    expect(await db.selectFrom('file_chunks').select('content_id').execute()).toEqual([])
  })
})
