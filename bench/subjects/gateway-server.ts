import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { openClassifier } from '../../src/classifier.ts'
import { readConfig } from '../../src/config.ts'
import { huggingFace } from '../../src/dialects/huggingface/dialect.ts'
import { createAdmission } from '../../src/gateway/admission.ts'
import { createAnswering } from '../../src/gateway/answering.ts'
import { createResultCache } from '../../src/gateway/cache.ts'
import { createEvalWinners } from '../../src/gateway/eval-winners.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import { createPriceList } from '../../src/gateway/prices.ts'
import { createResponders } from '../../src/gateway/responders.ts'
import { createKeyCheck } from '../../src/gateway/static-keys.ts'
import { createCallKeeper } from '../../src/gateway/stored-calls.ts'
import { createApp } from '../../src/http/app.ts'
import { openStore } from '../../src/store/store.ts'

/**
 * A server for `gateway-overhead.ts`, with accounts or without: `gateway-server.ts with|without`. It says where it listens and
 * which key it takes, and then, whenever it is asked, how much CPU time the process has used.
 */
const isWithAccounts = process.argv[2] === 'with'

const dataDir = mkdtempSync(join(tmpdir(), 'valence-gateway-overhead-'))
const config = readConfig({ 'data-dir': dataDir, 'log-level': 'silent' }, process.env)
const opening = openStore(config)
const store = await opening
const gateway = createGateway({
  opening,
  dataDir,
  keySecret: undefined,
  timeoutMs: config.timeoutMs,
  onTrouble: (error) => console.error(error),
})
await gateway.ready

/** What the server was before it had accounts: whoever comes is let in, and nothing is counted. */
const withoutAccounts: Gateway = {
  ...gateway,
  lookup: { ...gateway.lookup, find: () => undefined },
  meter: { ...gateway.meter, newId: () => '', async record() {}, whyFull: () => undefined },
}

const { engine, directory, revisions, upstreams } = await openClassifier(config, {
  workerDied: (error) => console.error(error),
  unreadable: (_, error) => console.error(error),
})
const cache = createResultCache({ maxBytes: config.cacheBytes, shared: false })
const admission = createAdmission({
  engine,
  directory,
  revisions,
  // The catalog has the model.
  onDemand: {
    status: () => undefined,
    brings: () => false,
    hold: () => Promise.reject(new Error('no model is brought here')),
    close: () => Promise.resolve(),
  },
  responders: createResponders({
    engine,
    directory,
    revisions,
    configuration: upstreams,
    sharedAmong: cache.sharedAmong,
    keyOf: () => undefined,
  }),
  answering: createAnswering({ cache, onFailure: () => {} }),
  clearCache: async (accountId) => cache.clear(accountId),
  gateway: isWithAccounts ? gateway : withoutAccounts,
  prices: createPriceList(new Map()),
  isStaticKey: createKeyCheck([]),
  isOpen: !isWithAccounts,
  dialectLimits: new Map(),
  winners: createEvalWinners(opening),
  keeper: createCallKeeper({ opening, days: 0, onFailure: () => {} }),
  timeoutMs: config.timeoutMs,
})
const app = await createApp({
  dialects: [huggingFace],
  admission,
  depth: engine.depth,
  canRun: engine.canRun,
  backendOf: engine.backendOf,
  store: { ...store, state: () => 'open' },
  version: 'bench',
  maxBodyBytes: config.maxBodyBytes,
  logger: pino({ level: 'silent' }),
})
await app.listen({ host: '127.0.0.1', port: 0 })

/** A limit that is never met, but counted. */
const REQUESTS_A_MINUTE = 1_000_000

const account = await gateway.accounts.create(null, {
  name: 'bench',
  externalRef: null,
  monthlyCapMicros: null,
  requestsPerMinute: REQUESTS_A_MINUTE,
  defaultTag: null,
  allowedModels: null,
})
const { secret } = await gateway.keys.createPlain(account.id)
process.send!({ url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, key: secret })
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!({ cpuMs: (user + system) / 1000 })
})
process.on('disconnect', () => {
  void app
    .close()
    .then(() => engine.close())
    .then(() => gateway.close())
    .then(() => store.close())
    .then(() => {
      rmSync(dataDir, { recursive: true })
      process.exit(0)
    })
})
