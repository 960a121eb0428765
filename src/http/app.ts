import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { Dialect } from '../dialects/dialect.ts'
import { schemaError } from '../dialects/schema-error.ts'
import { ValenceError } from '../errors.ts'
import type { Admission } from '../gateway/admission.ts'
import type { Caller } from '../gateway/caller.ts'
import { rateLimited } from '../gateway/limits.ts'
import type { RateVerdict } from '../gateway/rate-window.ts'
import { createArrivalLimit } from './arrival.ts'
import { bodyMissing, decompressed, parseJsonBody } from './body.ts'
import { compileWhenNeeded } from './compile-when-needed.ts'
import { createBodyReader } from './gather.ts'
import { healthRoutes, type StoreStatus } from './health.ts'
import { addMetrics } from './metrics.ts'
import { addOpenApi } from './openapi.ts'
import { rateLimitHeaders } from './rate-limits.ts'
import { fromHttp } from './request-errors.ts'
import { createRouteTable } from './route-table.ts'
import { sendTogether } from './send-together.ts'
import { answerUnreadable } from './unreadable.ts'

export type AppOptions = {
  /** the first that owns an address answers for it */
  dialects: readonly Dialect[]
  admission: Admission
  depth: () => { waiting: number; waitingInBackground: number; running: number }
  /** whether the engine can run a text at all */
  canRun: () => boolean
  /** what runs a model, for whoever asks how the server is */
  backendOf: (modelId: string) => string | undefined
  store: StoreStatus
  version: string
  maxBodyBytes: number
  logger: FastifyBaseLogger & { isLevelEnabled(level: string): boolean }
}

/** Why a request is not let in; undefined where it is. */
type Refusal = ValenceError | undefined

/** A request whose head or body does not come within this is given up, so that slow senders hold no places for ever. */
const REQUEST_TIMEOUT_MS = 60_000

/** How often heads are looked for that are late; Node's own 30 s would let them have half as long again. */
const SLOW_HEADS_EVERY_MS = 5000

/** As `REQUEST_TIMEOUT_MS`, for a file, which may be 200 MB: less than 60 kB a second is too slow for it. */
const UPLOAD_TIMEOUT_MS = 3_600_000

/** The longest id of the Hub has two parts of 96 characters; encoded slashes and prefixes come on top. */
const MAX_PARAM_LENGTH = 512

/** What a client may choose as the id of its request; anything else gets an id of ours. */
const REQUEST_ID = /^[\w.:/+=-]{1,128}$/

/** The beginning of a `Content-Type`; what comes after it names a charset or a boundary. */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** Builds the HTTP side: every dialect's routes, their errors, and the operator's routes. It does not listen yet. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { dialects, admission } = options
  const logger: FastifyBaseLogger = options.logger
  let stopping = false

  const app = Fastify({
    loggerInstance: logger,
    // One line a request is logged below, when it is answered, instead of Fastify's two.
    logController: new LogController({ disableRequestLogging: true }),
    // Both lines that are written name the request; a logger for each one would cost it 1% of its time.
    childLoggerFactory: () => logger,
    bodyLimit: options.maxBodyBytes,
    requestTimeout: UPLOAD_TIMEOUT_MS,
    genReqId: requestId,
    // A stopping server answers in the client's dialect, which Fastify's own 503 is not.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
    schemaController: compileWhenNeeded(),
    schemaErrorFormatter: schemaError,
    frameworkErrors: sendError,
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, dialects.at(-1)!),
    // HTTP/1.1 asks for a Host header; Node's own answer to its absence has no body, and nothing here needs it.
    http: {
      requireHostHeader: false,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: SLOW_HEADS_EVERY_MS,
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The answer was given before the body was at its end, and now the body breaks.
    if (reply.sent) return
    const error = fromHttp(thrown, request.raw)
    const path = pathOf(request)
    const dialect = dialects.find((candidate) => candidate.owns(path))!
    const { status, headers = {}, body } = dialect.renderError(error, { id: request.id, method: request.method, path })
    if (error.code === 'internal') logger.error({ err: error.cause ?? error, id: request.id }, 'request failed')
    // Fastify would close the connection on a client that is still sending, which then never sees why; Node reads the
    // rest of the body away instead, for as long as a request may take.
    if (!stopping) reply.removeHeader('connection')
    void reply
      .code(status)
      .headers({ ...headers, 'x-request-id': request.id })
      .type('application/json')
      .serializer(JSON.stringify)
      .send(body)
  }

  // Node would answer an expectation that it does not know with a bare 417; there is none that matters here.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  // Who waits with a body hears "continue" when somebody begins to read it, and else why nobody does.
  app.server.on('checkContinue', (request, response) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue()
    })
    app.server.emit('request', request, response)
  })

  const arrivals = createArrivalLimit(REQUEST_TIMEOUT_MS, sendError)
  app.removeAllContentTypeParsers()
  const bodies = createBodyReader(options.maxBodyBytes)
  // Whatever is not named is found only after a search, and most say that they send JSON.
  app.addContentTypeParser(['application/json', '*'], (request: FastifyRequest, payload: IncomingMessage) => {
    const { bodyLimit: maxBytes } = request.route
    function parse(plain: Buffer): unknown {
      request.isLongBody = plain.length > options.maxBodyBytes
      return parseJsonBody(plain)
    }
    return bodies.read(payload, maxBytes, (bytes) => {
      const plain = decompressed(bytes, request.headers['content-encoding'], maxBytes)
      return plain instanceof Promise ? plain.then(parse) : parse(plain)
    })
  })
  app.setErrorHandler(sendError)

  app.addHook('onRequest', (request, reply, done) => {
    // Fastify makes these anew for whoever asks.
    request.route = request.routeOptions
    reply.header('x-request-id', request.id)
    if (stopping) reply.header('connection', 'close')
    passOverMalformedType(request)
    if (!request.route.config.isUpload) arrivals.watch(request, reply)
    done()
  })
  sendTogether(app)
  app.addHook('preClose', async () => {
    stopping = true
  })
  if (options.logger.isLevelEnabled('info')) {
    app.addHook('onResponse', (request, reply, done) => {
      const { method, id } = request
      logger.info({ id, method, path: pathOf(request), status: reply.statusCode, ms: reply.elapsedTime }, 'request')
      done()
    })
  }

  // A hook of onRequest sets each before anything reads it; the prototype only reserves the place.
  app.decorateRequest('caller')
  app.decorateRequest('route')
  app.decorateRequest('isLongBody', false)

  /** Lets a request in whose caller is known, or says why not. Most wait for nothing here, and have no promise. */
  function admit(
    request: FastifyRequest,
    reply: FastifyReply,
    caller: Caller,
    dialect: string,
  ): Refusal | Promise<Refusal> {
    request.caller = caller
    if (!request.route.config.classifies) return undefined
    // Reading a body that cannot be classified now would take time from what is under way.
    const full = admission.whyFull()
    if (full) return full
    const verdict = admission.takeFromLimits(caller, dialect)
    return verdict instanceof Promise ? verdict.then((later) => tell(later, reply)) : verdict && tell(verdict, reply)
  }

  const routeTable = createRouteTable(app)
  app.setNotFoundHandler(async (request, reply) => {
    const allowed = routeTable.methodsOf(pathOf(request))
    if (allowed.length === 0) throw new ValenceError('route_not_found', `There is nothing at ${pathOf(request)}.`)
    reply.header('allow', allowed.join(', '))
    throw new ValenceError('method_not_allowed', `${request.method} is not answered here; use ${allowed.join(' or ')}.`)
  })

  await addOpenApi(app, options.version)
  addMetrics(app, { engine: options.depth, store: options.store.depth })
  await app.register(
    healthRoutes({
      version: options.version,
      models: admission.models,
      isStopping: () => stopping,
      canRun: options.canRun,
      backendOf: options.backendOf,
      store: options.store,
    }),
  )
  for (const dialect of dialects) {
    await app.register(async (scope) => {
      scope.addHook('onRequest', (request, reply, done) => {
        if (request.route.config.isPublic) return done()
        const caller = admission.authenticate(request.headers)
        const refusal =
          caller instanceof Promise
            ? caller.then((found) => admit(request, reply, found, dialect.name))
            : admit(request, reply, caller, dialect.name)
        if (refusal instanceof Promise) void refusal.then(done, done)
        else done(refusal)
      })
      scope.addHook('preValidation', ({ route, body }, _, done) => {
        done(route.schema?.body !== undefined && body === undefined ? bodyMissing() : undefined)
      })
      await scope.register(dialect.routes(admission))
    })
  }
  return app
}

/** Tells the client how it stands to the limits that bind it. */
function tell(verdict: RateVerdict, reply: FastifyReply): Refusal {
  reply.headers(rateLimitHeaders(verdict))
  return verdict.admitted ? undefined : rateLimited(verdict)
}

/** Fastify would refuse it, and here JSON is read whatever its type. */
function passOverMalformedType({ headers }: FastifyRequest): void {
  const type = headers['content-type']
  if (type !== undefined && !MEDIA_TYPE.test(type)) headers['content-type'] = undefined
}

function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  // @cloudflare/ai of 2023 makes the id itself, and tells its user that.
  const sent = request.headers['x-request-id'] ?? request.headers['cf-ai-req-id']
  if (typeof sent === 'string' && REQUEST_ID.test(sent)) return sent
  const ours = randomUUID()
  // Node puts it together from twenty strings, half a kilobyte that V8 keeps until somebody reads it through.
  REQUEST_ID.test(ours)
  return ours
}

function pathOf(request: FastifyRequest): string {
  // A proxy may send the address whole, with its origin.
  return request.url.replace(/^https?:\/\/[^/]*/i, '').split('?', 1)[0]!
}
