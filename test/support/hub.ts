import { createHash } from 'node:crypto'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** A repository as the tests' Hub has it. */
export type FakeRepo = {
  id: string
  /** files by path; those that end in .safetensors lie on the content server, as large files do */
  files: Record<string, Buffer>
  commit?: string
  /** names of the commit beside its hash */
  refs?: string[]
  /** gated: readable with the token `may-read` alone; private: there for that token alone */
  access?: 'gated' | 'private'
}

/** A request that the Hub or its content server got. */
export type Seen = {
  server: 'hub' | 'cdn'
  method: string
  path: string
  headers: IncomingHttpHeaders
}

/** How a request goes wrong. */
export type Fault = {
  /** answered instead of anything else */
  status?: number
  headers?: Record<string, string>
  body?: string
  /** headers that an answer otherwise right has besides or instead; an empty one is left out */
  alter?: Record<string, string>
  /** the bytes sent instead of the right ones */
  bytes?: Buffer
  /** the connection breaks before there is an answer */
  hangUp?: boolean
  /** the connection breaks after so many bytes of the body */
  dropAfter?: number
  /** nothing more comes after so many bytes of the body */
  stallAfter?: number
  /** the second half of the body waits for this */
  until?: Promise<void>
  /** a pause after each 64 KiB of the body */
  slowMs?: number
  /** ranges are not honoured */
  ignoreRange?: boolean
}

export type FakeHub = {
  url: string
  repos: FakeRepo[]
  seen: Seen[]
  /** asked at each request */
  fault: (request: Seen) => Fault | undefined
  close(): Promise<void>
}

export const COMMIT = '5f2f9dbd0a7ce0b9c8f1b3ce3f2a4d6e8b7c9a01'
export const TOKEN_THAT_MAY_READ = 'hf_may-read'
const KNOWN_TOKENS = [TOKEN_THAT_MAY_READ, 'hf_other']

/** Starts a server with the Hub's semantics, and a content server on another port that large files are redirected to. */
export async function startFakeHub(repos: FakeRepo[]): Promise<FakeHub> {
  const onHub = createServer((request, response) => void serve('hub', request, response))
  const onCdn = createServer((request, response) => void serve('cdn', request, response))
  // Another name too: huggingface_hub takes two ports of one host for the same server.
  const [url, cdnUrl] = await Promise.all([listen(onHub, '127.0.0.1'), listen(onCdn, 'localhost')])
  const hub: FakeHub = {
    url,
    repos,
    seen: [],
    fault: () => undefined,
    async close() {
      await Promise.all([onHub, onCdn].map(closeServer))
    },
  }

  async function serve(server: Seen['server'], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url!, 'http://x').pathname)
    const seen: Seen = { server, method: request.method!, path, headers: request.headers }
    hub.seen.push(seen)
    const fault = hub.fault(seen) ?? {}
    if (fault.hangUp) return void request.socket.destroy()
    const answer =
      fault.status === undefined
        ? server === 'hub'
          ? answerOfHub(hub.repos, seen, cdnUrl)
          : answerOfCdn(hub.repos, path)
        : { status: fault.status, headers: fault.headers ?? {}, body: Buffer.from(fault.body ?? '') }
    await send(request, response, { ...answer, headers: { ...answer.headers, ...fault.alter } }, fault)
  }
  return hub
}

type Answer = { status: number; headers: Record<string, string>; body: Buffer }

const RESOLVE = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/
const RESOLVE_CACHE = /^\/api\/resolve-cache\/models\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/
const REVISION = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/
const TREE = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/

function answerOfHub(repos: FakeRepo[], { path, headers }: Seen, cdnUrl: string): Answer {
  const [, id, revision, file] =
    RESOLVE.exec(path) ?? RESOLVE_CACHE.exec(path) ?? REVISION.exec(path) ?? TREE.exec(path) ?? []
  if (id === undefined) return refused(404, '', 'Sorry, we could not find the page you are looking for.')
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
  if (token !== undefined && !KNOWN_TOKENS.includes(token))
    return refused(401, '', 'Invalid credentials in Authorization header')
  const repo =
    repos.find((candidate) => candidate.id === id) ??
    // The Hub takes no two names that differ in case alone.
    repos.find((candidate) => candidate.id.toLowerCase() === id.toLowerCase())
  const mayRead = repo?.access === undefined || token === TOKEN_THAT_MAY_READ
  if (!repo || (repo.access === 'private' && !mayRead))
    return refused(token === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found')
  const commit = repo.commit ?? COMMIT
  if (![commit, ...(repo.refs ?? ['main'])].includes(revision!))
    return refused(404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
  if (REVISION.test(path))
    return json({ id: repo.id, sha: commit, siblings: Object.keys(repo.files).map((rfilename) => ({ rfilename })) })
  if (TREE.test(path)) return json(Object.entries(repo.files).map(treeEntry))
  if (!mayRead) return refused(token === undefined ? 401 : 403, 'GatedRepo', 'Access to this model is restricted.')
  const content = repo.files[file!]
  if (content === undefined) return refused(404, 'EntryNotFound', 'Entry not found', { 'x-repo-commit': commit })
  return fileAnswer(path, id, commit, file!, content, cdnUrl)
}

function fileAnswer(path: string, id: string, commit: string, file: string, content: Buffer, cdnUrl: string): Answer {
  const about = { 'x-repo-commit': commit, 'accept-ranges': 'bytes' }
  if (file.endsWith('.safetensors')) {
    const hash = sha256(content)
    const headers = {
      ...about,
      etag: '"something-of-the-redirect"',
      'x-linked-etag': `"${hash}"`,
      'x-linked-size': String(content.length),
      location: `${cdnUrl}/lfs/${hash}?Signature=do-not-show`,
    }
    return { status: 302, headers, body: Buffer.from('Found. Redirecting') }
  }
  // Some small files the Hub serves at once, and some behind a relative redirect.
  if (RESOLVE.test(path) && file !== 'config.json')
    return {
      status: 307,
      headers: { ...about, location: `/api/resolve-cache/models/${id}/${commit}/${encodeURIComponent(file)}` },
      body: Buffer.alloc(0),
    }
  return { status: 200, headers: { ...about, etag: `W/"${gitSha1(content)}"` }, body: content }
}

function answerOfCdn(repos: FakeRepo[], path: string): Answer {
  const hash = path.replace('/lfs/', '')
  const content = repos.flatMap(({ files }) => Object.values(files)).find((bytes) => sha256(bytes) === hash)
  if (content === undefined) return { status: 403, headers: {}, body: Buffer.from('<Error>AccessDenied</Error>') }
  return { status: 200, headers: { etag: '"md5-of-the-store"', 'accept-ranges': 'bytes' }, body: content }
}

function refused(status: number, code: string, message: string, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { ...headers, ...(code !== '' && { 'x-error-code': code }), 'x-error-message': message },
    body: Buffer.from(message),
  }
}

function json(value: unknown): Answer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) }
}

function treeEntry([path, content]: [string, Buffer]) {
  const lfs = path.endsWith('.safetensors')
    ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 134 } }
    : {}
  return { type: 'file', path, size: content.length, oid: gitSha1(content), ...lfs }
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer, fault: Fault): Promise<void> {
  const whole = fault.bytes ?? answer.body
  const start = answer.status === 200 && !fault.ignoreRange ? rangeStart(request.headers.range) : undefined
  if (start !== undefined && start >= whole.length)
    return void response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end()
  const body = whole.subarray(start ?? 0)
  const headers: Record<string, string> = {
    'content-length': String(body.length),
    ...(start !== undefined && { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` }),
    ...answer.headers,
  }
  for (const name of Object.keys(headers)) if (headers[name] === '') delete headers[name]
  response.writeHead(start === undefined ? answer.status : 206, headers)
  if (request.method === 'HEAD') return void response.end()
  await sendBody(response, body, fault)
}

async function sendBody(response: ServerResponse, body: Buffer, fault: Fault): Promise<void> {
  const end = Math.min(fault.dropAfter ?? body.length, fault.stallAfter ?? body.length, body.length)
  const chunkBytes = fault.until ? Math.ceil(end / 2) : 65_536
  for (let at = 0; at < end && !response.destroyed; at += chunkBytes) {
    if (at > 0) await fault.until
    response.write(body.subarray(at, Math.min(at + chunkBytes, end)))
    if (fault.slowMs !== undefined) await setTimeout(fault.slowMs)
  }
  if (fault.stallAfter !== undefined) return
  if (fault.dropAfter === undefined) return void response.end()
  // What the client has not read when its connection breaks is lost to it.
  await setTimeout(100)
  response.destroy()
}

function rangeStart(header: string | undefined): number | undefined {
  const start = /^bytes=(\d+)-$/.exec(header ?? '')?.[1]
  return start === undefined ? undefined : Number(start)
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

export function gitSha1(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

async function listen(server: Server, name: string): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, name, resolve))
  return `http://${name}:${(server.address() as AddressInfo).port}`
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}
