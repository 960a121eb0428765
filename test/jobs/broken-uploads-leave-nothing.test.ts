import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STORE_KINDS } from '../support/stores.ts'
import { clientOf, pause, serverAround, until } from './support.ts'

const TYPE = 'multipart/form-data; boundary=b'
const FILE = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{}\r\n'
const OTHER = FILE.replace('name="file"', 'name="other"')
const field = (name: string, value: string) =>
  `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const END = '--b--\r\n'

describe.each(STORE_KINDS)('on the %s store', { timeout: 120_000 }, (kind) => {
  const around = serverAround(kind)

  /** What of uploads lies on the disk; the rows of the other store are looked at when the server has gone. */
  const contents = () => (kind === 'embedded' ? readdirSync(join(around.place.dataDir, 'files')) : [])

  it.each([
    ['no boundary', 'multipart/form-data', FILE + END],
    ['another boundary', 'multipart/form-data; boundary=c', FILE + END],
    ['no end', TYPE, FILE],
    ['no end of a file', TYPE, FILE.slice(0, -6)],
    ['nothing in it', TYPE, END],
    ['an empty body', TYPE, ''],
    ['two files', TYPE, FILE + FILE + END],
    ['a file in another field', TYPE, OTHER + END],
    ['too many fields', TYPE, Array.from({ length: 20 }, (_, index) => field(`f${index}`, 'x')).join('') + FILE + END],
    ['a field that is too long', TYPE, field('purpose', 'x'.repeat(5000)) + FILE + END],
    ['a field of the name __proto__', TYPE, field('__proto__', 'x') + FILE + END],
  ])('a form with %s is refused as the client’s mistake', async (_, type, body) => {
    const response = await fetch(`${around.server.url}/v1/files`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })
    const answer = await response.text()
    expect([400, 413], answer).toContain(response.status)
    expect(JSON.parse(answer)).toMatchObject({ error: { type: 'invalid_request_error' } })
    expect(contents()).toEqual([])
  })

  it('an upload whose client goes away leaves nothing', async () => {
    const sending = request(`${around.server.url}/v1/files`, { method: 'POST', headers: { 'content-type': TYPE } })
    sending.on('error', () => {})
    sending.write(FILE.slice(0, -2))
    for (let pieces = 0; pieces < 20; pieces += 1) sending.write('x'.repeat(100_000))
    await pause(500)
    sending.destroy()
    await until(
      async () => contents(),
      (found) => found.length === 0,
    )
    expect((await clientOf(around.server).files.list()).data).toEqual([])
  })

  it.skipIf(kind !== 'embedded')('an upload that stands still is given up, and a slow one is not', async () => {
    const send = () => {
      const sending = request(`${around.server.url}/v1/files`, { method: 'POST', headers: { 'content-type': TYPE } })
      sending.write(FILE.slice(0, -2))
      return sending
    }
    const ending = new Promise((resolve) => send().on('error', resolve))
    const slow = send()
    const answer = new Promise<number>((resolve) => slow.on('response', ({ statusCode }) => resolve(statusCode!)))
    for (let seconds = 0; seconds < 70; seconds += 10) {
      slow.write('x'.repeat(10))
      await pause(10_000)
    }
    expect(await ending).toMatchObject({ code: 'ECONNRESET' })
    slow.end(`\r\n${END}`)
    expect(await answer).toBe(201)
    const { data } = await clientOf(around.server).files.list()
    expect(contents()).toHaveLength(1)
    for (const { id } of data) await clientOf(around.server).files.delete(id)
  })

  it('nothing went wrong on the server’s side, and nothing is left', async () => {
    await around.server.stop()
    expect(around.server.output()).not.toContain('"level":50')
    const { db } = await around.place.open()
    expect(await db.selectFrom('files').select('id').execute()).toEqual([])
    expect(await db.selectFrom('file_chunks').select('content_id').execute()).toEqual([])
  })
})
