/* oxlint-disable unicorn/no-useless-spread -- a list in rows is read more easily than one with a line an item */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { anyBody, type Body, heavyBody, type Shape, validBody } from './bodies.ts'

/** A request that node:http will send. */
export type HttpRequest = {
  kind: 'http'
  method: string
  path: string
  headers: Record<string, string>
  body: Body | undefined
  /** in chunks, without a content-length */
  chunked: boolean
  /** whether nothing but 200, or "busy", is right */
  valid: boolean
}

/** Bytes for a socket of their own, which need not be HTTP. */
export type RawRequest = {
  kind: 'raw'
  name: string
  bytes: Buffer
  /** what then happens to the socket: it waits for answers, ends its half, or is torn down */
  afterwards: 'wait' | 'end' | 'destroy'
  /** the requests in it, as far as they are well-formed: their answers must come, in this order */
  requests: { method: string; path: string }[]
}

export type FuzzRequest = HttpRequest | RawRequest

const MODELS = [
  ...['@cf/huggingface/distilbert-sst-2-int8', 'valence/minilm-sst-2-int8', 'minilm-sst-2-int8'],
  ...['distilbert%2Fdistilbert-base-uncased-finetuned-sst-2-english', '%40cf/valence/minilm-sst-2-int8'],
]
const ODD_SEGMENTS = [
  ...[
    '',
    '%2F',
    '%2f%2F',
    '%00',
    '%zz',
    '%',
    '%2',
    '%252F',
    '%25252f',
    '%C3%28',
    '%ff',
    '%ED%A0%80',
    '..',
    '.',
    '%2e%2e',
  ],
  ...[
    'a'.repeat(600),
    '%61'.repeat(300),
    'a/'.repeat(200),
    'x'.repeat(7000),
    '__proto__',
    'constructor',
    '*',
    ':account',
  ],
  ...[
    'no-such-model',
    'a+b',

    '?x=%zz',
    '#frag',
    ';a=b',
    '//',
    '\\',
    '{}',
    '|',
    '~',
  ],
  ...[
    '%F0%9F%98%80',
    '%EF%BB%BF',
    '%0d%0ax-injected:1',
    '[object%20Object]',
    '%3Cscript%3E',
    'pipeline/text-classification',
  ],
]

type Route = { method: string; shape: Shape; of: (model: string) => string; headers?: Record<string, string> }
const ROUTES: Route[] = [
  { method: 'POST', shape: 'workers-ai', of: (model) => `/client/v4/accounts/local/ai/run/${model}` },
  ...['/run?version=3', '/run?version=2', '/run', '/ai-gateway/run?version=3'].map(
    (path): Route => ({
      method: 'POST',
      shape: 'env-ai',
      of: () => path,
      headers: { 'cf-consn-model-id': `prefix:${MODELS[0]}` },
    }),
  ),
  { method: 'POST', shape: 'huggingface', of: (model) => `/models/${model}` },
  { method: 'POST', shape: 'huggingface', of: (model) => `/hf-inference/models/${model}` },
  { method: 'POST', shape: 'huggingface', of: (model) => `/hf-inference/models/${model}/pipeline/text-classification` },
  { method: 'POST', shape: 'huggingface', of: (model) => `/pipeline/text-classification/${model}` },
  { method: 'POST', shape: 'chat', of: () => '/v1/chat/completions' },
  { method: 'POST', shape: 'classifications', of: () => '/v1/classifications' },
]
const PAGES = [
  '/health',
  '/ready',
  '/metrics',
  '/openapi.json',
  '/v1/models',
  ...MODELS.map((id) => `/v1/models/${id}`),
]
const PREFIXES = [
  ...[
    '/',
    '/run',
    '/ai-gateway/',
    '/ai-api/',
    '/ai-api/models/search?page=',
    '/client/',
    '/client/v4/accounts/',
    '/client/v4/accounts/local/ai/run/',
    '/models/',
    '/hf-inference/',
  ],
  ...['/hf-inference/models/', '/pipeline/', '/pipeline/text-classification/', '/v1/', '/v1/models/', '/v1/chat/'],
]
const METHODS = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'HEAD',
  'TRACE',
  'PROPFIND',
  'SEARCH',
  'QUERY',
  'M-SEARCH',
]

const anySegment = fc.oneof(
  fc.constantFrom(...ODD_SEGMENTS),
  fc.constantFrom(...MODELS),
  // A lone surrogate has no percent-encoding; whole characters only.
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.string({ maxLength: 8 }).map((text) => text.replaceAll(/[^!-~]/g, '')),
)
const anyPath = fc.oneof(
  fc.tuple(fc.constantFrom(...PREFIXES), anySegment).map(([prefix, segment]) => prefix + segment),
  fc.array(anySegment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
  fc.tuple(fc.constantFrom(...ROUTES), anySegment).map(([route, segment]) => route.of(segment)),
)

const ODD_HEADERS: Record<string, string>[] = [
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    '',
    '/',
    'application/json; charset=utf-16',
  ].map((type) => ({ 'content-type': type })),
  ...[';', 'a'.repeat(2000), 'application/json;'.repeat(20), '"', '__proto__'].map((type) => ({
    'content-type': type,
  })),
  ...['gzip', 'br', 'identity', 'nonsense'].map((coding) => ({ 'content-encoding': coding })),
  ...['100-continue', 'nonsense', ''].map((expect) => ({ expect })),
  ...['Bearer', 'Bearer ', 'Bearer x y', 'Basic YTpi', '\u00ff', `Bearer ${'k'.repeat(4000)}`].map((authorization) => ({
    authorization,
  })),
  ...['x'.repeat(500), '../../etc', 'ok-id', '{"a":1}', ''].map((id) => ({ 'x-request-id': id })),
  { accept: 'text/html' },
  { 'accept-encoding': 'nonsense' },
  { origin: 'null', 'access-control-request-method': 'POST' },
  { 'x-http-method-override': 'DELETE' },
  { range: 'bytes=0-1' },
  { 'if-none-match': '*' },
  { cookie: '__proto__=1' },
]
const anyHeaders = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ 'content-type': 'application/json' }) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_HEADERS) },
)

const onRoute = fc.constantFrom(...ROUTES).chain((route) =>
  fc.record({
    kind: fc.constant('http' as const),
    method: fc.constant(route.method),
    path: fc.constantFrom(...MODELS).map(route.of),
    headers: anyHeaders.map((headers) => ({ ...route.headers, ...headers })),
    body: anyBody(route.shape),
    chunked: fc.boolean(),
    valid: fc.constant(false),
  }),
)
const validOnRoute = fc.constantFrom(...ROUTES).chain((route) =>
  fc.record({
    kind: fc.constant('http' as const),
    method: fc.constant(route.method),
    path: fc.constantFrom(...MODELS).map(route.of),
    headers: fc
      .constantFrom<Record<string, string>>({}, { 'content-type': 'application/json' }, { authorization: 'Bearer x' })
      .map((headers) => ({ ...route.headers, ...headers })),
    body: validBody(route.shape),
    chunked: fc.boolean(),
    valid: fc.constant(true),
  }),
)
/** Sent before memory is judged, since it settles only when the largest requests have come many at a time. */
export const heavyRequest: fc.Arbitrary<FuzzRequest> = fc.constantFrom(...ROUTES).chain((route) =>
  fc.record({
    kind: fc.constant('http' as const),
    method: fc.constant(route.method),
    path: fc.constant(route.of(MODELS[0]!)),
    headers: fc.constant({}),
    body: heavyBody,
    chunked: fc.boolean(),
    valid: fc.constant(false),
  }),
)
const page = fc.record({
  kind: fc.constant('http' as const),
  method: fc.constant('GET'),
  path: fc.constantFrom(...PAGES),
  headers: fc.constant({}),
  body: fc.constant(undefined),
  chunked: fc.constant(false),
  valid: fc.constant(true),
})
const anywhere = fc.record({
  kind: fc.constant('http' as const),
  method: fc.constantFrom(...METHODS),
  path: fc.oneof(
    anyPath,
    fc.constantFrom(...PAGES),
    fc.constantFrom(...ROUTES).map((route) => route.of(MODELS[0]!)),
  ),
  headers: anyHeaders,
  body: fc.option(anyBody('workers-ai'), { nil: undefined }),
  chunked: fc.boolean(),
  valid: fc.constant(false),
})

const HOST = 'Host: localhost\r\n'
const RUN = '/client/v4/accounts/local/ai/run/minilm-sst-2-int8'
const post = (path: string, body: string, headers = '') =>
  `POST ${path} HTTP/1.1\r\n${HOST}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

function raw(
  name: string,
  bytes: string | Buffer,
  afterwards: RawRequest['afterwards'] = 'wait',
  requests: RawRequest['requests'] = [],
): RawRequest {
  return {
    kind: 'raw',
    name,
    bytes: Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1'),
    afterwards,
    requests,
  }
}

/** What is not HTTP, or is HTTP that no client library sends. */
const BROKEN: RawRequest[] = [
  raw('noise', Buffer.from([0, 1, 2, 255, 13, 10, 13, 10])),
  raw('a TLS greeting', Buffer.from('16030100c8010000c40303', 'hex')),
  raw('an unknown method', `FOO /v1/models HTTP/1.1\r\n${HOST}\r\n`),
  raw('a lower-case method', `post ${RUN} HTTP/1.1\r\n${HOST}\r\n`),
  raw('HTTP/3.7', `GET /health HTTP/3.7\r\n${HOST}\r\n`),
  raw('HTTP/0.9', 'GET /health\r\n\r\n'),
  raw('a space in the path', `GET /v1/ models HTTP/1.1\r\n${HOST}\r\n`),
  raw('a NUL in the path', `GET /v1/\0models HTTP/1.1\r\n${HOST}\r\n`),
  raw('a NUL in a header', `GET /health HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`),
  raw('a header without a colon', `GET /health HTTP/1.1\r\n${HOST}nonsense\r\n\r\n`),
  raw('two lengths', `POST ${RUN} HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`),
  raw(
    'length and chunks',
    `POST ${RUN} HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  raw('a negative length', `POST ${RUN} HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`),
  raw('a length of letters', `POST ${RUN} HTTP/1.1\r\n${HOST}Content-Length: ten\r\n\r\n`),
  raw('an enormous length', `POST ${RUN} HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\n`),
  raw('a bad chunk size', `POST ${RUN} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`),
  raw('headers of 40 KB', `GET /health HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(40_000)}\r\n\r\n`),
  raw('3,000 headers', `GET /health HTTP/1.1\r\n${HOST}${'a: b\r\n'.repeat(3000)}\r\n`),
  raw('a path of 40 KB', `GET /models/${'a'.repeat(40_000)} HTTP/1.1\r\n${HOST}\r\n`),
  raw('a proxy method', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`),
  raw('half a head, then the end', 'POST /v1/classifications HTTP/1.1\r\nHos', 'end'),
  raw('half a head, then gone', 'POST /v1/classifications HTTP/1.1\r\nHos', 'destroy'),
  raw('half a body, then the end', post(RUN, '{"text":"x"}').slice(0, -5), 'end'),
  raw('half a body, then gone', post(RUN, '{"text":"x"}').slice(0, -5), 'destroy'),
  raw('a whole body, then gone', post(RUN, '{"text":"gone before the answer"}'), 'destroy'),
  raw(
    'a stream, then gone',
    post('/v1/chat/completions', '{"stream":true,"messages":[{"role":"user","content":"x"}]}'),
    'destroy',
  ),
  raw(
    'half a chunk, then gone',
    `POST ${RUN} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nff\r\nabc`,
    'destroy',
  ),
  raw('bytes in the path', `GET /models/\xff\xfe HTTP/1.1\r\n${HOST}\r\n`),
  raw('nothing at all', '', 'end'),
]

const CLOSE = 'Connection: close\r\n'

/** Well-formed, if unusual: each must be answered. */
const UNUSUAL: RawRequest[] = [
  raw(
    'a wish for another protocol',
    `GET /health HTTP/1.1\r\n${HOST}Connection: upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
    'wait',
    [{ method: 'GET', path: '/health' }],
  ),
  raw('HTTP/1.0', 'GET /v1/nothing HTTP/1.0\r\n\r\n', 'wait', [{ method: 'GET', path: '/v1/nothing' }]),
  raw('a whole address', `GET http://localhost/health HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 'wait', [
    { method: 'GET', path: 'http://localhost/health' },
  ]),
  raw('a star', `OPTIONS * HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 'wait', [{ method: 'OPTIONS', path: '*' }]),
  raw(
    'chunks with extensions',
    `POST ${RUN} HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: chunked\r\n\r\nc;a=b\r\n{"text":"hi"}\r\n0\r\n\r\n`.replace(
      '\r\nc;',
      '\r\nd;',
    ),
    'wait',
    [{ method: 'POST', path: RUN }],
  ),
]

const pipelined = fc
  .array(
    fc.tuple(
      fc.constantFrom(RUN, '/v1/classifications', '/models/none', '/nowhere', '/client/%zz'),
      fc.constantFrom('{"text":"a"}', '{', '{"input":"b"}'),
    ),
    {
      minLength: 2,
      maxLength: 6,
    },
  )
  .map((parts) =>
    raw(
      'pipelined',
      parts.map(([path, body], index) => post(path, body, index === parts.length - 1 ? CLOSE : '')).join(''),
      'wait',
      parts.map(([path]) => ({ method: 'POST', path })),
    ),
  )

export const anyRequest: fc.Arbitrary<FuzzRequest> = fc.oneof(
  { weight: 45, arbitrary: onRoute },
  { weight: 30, arbitrary: anywhere },
  { weight: 10, arbitrary: validOnRoute },
  { weight: 4, arbitrary: page },
  { weight: 5, arbitrary: fc.constantFrom(...BROKEN) },
  { weight: 2, arbitrary: fc.constantFrom(...UNUSUAL) },
  { weight: 4, arbitrary: pipelined },
)
