import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type HubConfig, readHubEnvironment } from './hub-environment.ts'

/** How a setting is given from outside, beside its schema. */
type Outside = { env: string; flag?: string }

/** What every setting's schema has beside its type. */
type Documented = { default: string | number | boolean; description: string }

function setting<T extends TSchema>(schema: T, outside: Outside): T & Outside & Documented {
  return { ...schema, ...outside } as T & Outside & Documented
}

/** Every setting there is: its type, default, line of help, environment variable and, unless it is secret, flag. */
export const SETTINGS = {
  host: setting(Type.String({ minLength: 1, default: '127.0.0.1', description: 'address to listen on' }), {
    env: 'HOST',
    flag: 'host',
  }),
  port: setting(
    Type.Integer({ minimum: 0, maximum: 65_535, default: 8484, description: 'port to listen on; 0 takes a free one' }),
    { env: 'PORT', flag: 'port' },
  ),
  apiKeys: setting(
    Type.String({
      default: '',
      description: 'keys that clients must send, separated by commas; none opens the server',
    }),
    { env: 'VALENCE_API_KEYS' },
  ),
  requireKeys: setting(
    Type.Boolean({ default: false, description: 'take no request without a key; the first start makes an admin key' }),
    { env: 'VALENCE_REQUIRE_KEYS', flag: 'require-keys' },
  ),
  open: setting(
    Type.Boolean({ default: false, description: 'serve without keys on an address that others can reach' }),
    { env: 'VALENCE_OPEN', flag: 'open' },
  ),
  dataDir: setting(
    Type.String({
      default: '',
      description: "folder for accounts, usage, files and jobs; by default one among the user's data",
    }),
    { env: 'VALENCE_DATA_DIR', flag: 'data-dir' },
  ),
  databaseUrl: setting(
    Type.String({
      default: '',
      description: 'PostgreSQL that keeps them instead, for several servers: postgres://user:password@host/database',
    }),
    { env: 'DATABASE_URL' },
  ),
  keySecret: setting(
    Type.String({
      default: '',
      description: 'secret with which keys are hashed, 16 characters or more; by default one is made and kept',
    }),
    { env: 'VALENCE_KEY_SECRET' },
  ),
  prices: setting(
    Type.String({ default: '', description: 'JSON file of what models cost; without it they are free' }),
    { env: 'VALENCE_PRICES', flag: 'prices' },
  ),
  workersAiRequestsPerMinute: setting(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 2000,
      description: "requests a minute that the keys of an account may send to Workers AI's routes",
    }),
    { env: 'VALENCE_WORKERS_AI_REQUESTS_PER_MINUTE', flag: 'workers-ai-requests-per-minute' },
  ),
  workersAiDailyNeurons: setting(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000_000,
      default: 0,
      description:
        'neurons that an account may use a day through Workers AI, from 00:00 UTC; 0 is no bound, Cloudflare has 10000',
    }),
    { env: 'VALENCE_WORKERS_AI_DAILY_NEURONS', flag: 'workers-ai-daily-neurons' },
  ),
  allowPrivateWebhooks: setting(
    Type.Boolean({ default: false, description: "send webhooks to this machine's own networks as well" }),
    { env: 'VALENCE_ALLOW_PRIVATE_WEBHOOKS', flag: 'allow-private-webhooks' },
  ),
  modelsDir: setting(
    Type.String({ default: '', description: 'folder with model folders in it, such as <dir>/distilbert/<name>' }),
    { env: 'VALENCE_MODELS_DIR', flag: 'models-dir' },
  ),
  allowModels: setting(
    Type.String({
      default: '',
      description: 'models of the Hub that are fetched when asked for, separated by commas; a star as in org/* is any',
    }),
    { env: 'VALENCE_ALLOW_MODELS', flag: 'allow-models' },
  ),
  modelMemoryBytes: setting(
    Type.Integer({
      minimum: 0,
      maximum: 1_099_511_627_776,
      default: 1_073_741_824,
      description: 'memory for models that are loaded when asked for, in bytes; the longest unused leave for others',
    }),
    { env: 'VALENCE_MODEL_MEMORY_BYTES', flag: 'model-memory-bytes' },
  ),
  modelHoldMs: setting(
    Type.Integer({
      minimum: 0,
      maximum: 3_600_000,
      default: 10_000,
      description: 'how long a request waits for a model that is being loaded, in ms, before it is told to come back',
    }),
    { env: 'VALENCE_MODEL_HOLD_MS', flag: 'model-hold-ms' },
  ),
  strictModels: setting(
    Type.Boolean({
      default: false,
      description: 'refuse a model whose weights are missing; else the embedded one answers',
    }),
    { env: 'VALENCE_STRICT_MODELS', flag: 'strict-models' },
  ),
  offline: setting(
    Type.Boolean({
      default: false,
      description: 'fetch nothing; HF_HUB_OFFLINE says the same',
    }),
    { env: 'VALENCE_OFFLINE', flag: 'offline' },
  ),
  workers: setting(
    Type.Integer({
      minimum: 1,
      maximum: 256,
      default: availableParallelism(),
      description: 'threads that run the model; by default one a core',
    }),
    { env: 'VALENCE_WORKERS', flag: 'workers' },
  ),
  backend: setting(
    Type.Union(
      (['auto', 'native', 'amx', 'avx512-vnni', 'avx-vnni', 'avx2', 'onnxruntime'] as const).map((name) =>
        Type.Literal(name),
      ),
      {
        default: 'auto',
        description:
          'what runs the model: auto (the fastest here), native, one of its kernels (amx, avx512-vnni, avx-vnni, avx2), or onnxruntime',
      },
    ),
    { env: 'VALENCE_BACKEND', flag: 'backend' },
  ),
  maxWaitingTexts: setting(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 1024,
      description: 'texts that may wait; more are told to come back',
    }),
    { env: 'VALENCE_MAX_WAITING_TEXTS', flag: 'max-waiting-texts' },
  ),
  maxWaitingTokens: setting(
    Type.Integer({
      minimum: 512,
      maximum: 1_000_000_000,
      default: 262_144,
      description: 'tokens that the waiting texts may have together',
    }),
    { env: 'VALENCE_MAX_WAITING_TOKENS', flag: 'max-waiting-tokens' },
  ),
  timeoutMs: setting(
    Type.Integer({ minimum: 1, maximum: 3_600_000, default: 30_000, description: 'time limit of a request, in ms' }),
    { env: 'VALENCE_TIMEOUT_MS', flag: 'timeout-ms' },
  ),
  maxBodyBytes: setting(
    Type.Integer({
      minimum: 1024,
      maximum: 67_108_864,
      default: 2_097_152,
      description: 'largest body of a request, in bytes',
    }),
    { env: 'VALENCE_MAX_BODY_BYTES', flag: 'max-body-bytes' },
  ),
  upstreams: setting(
    Type.String({
      default: '',
      description: 'JSON file of models that others answer for, and of who steps in for whom',
    }),
    { env: 'VALENCE_UPSTREAMS', flag: 'upstreams' },
  ),
  keepCallsDays: setting(
    Type.Integer({
      minimum: 0,
      maximum: 3650,
      default: 30,
      description: 'days for which calls are kept whose senders ask for it (x-aig-store), for replays; 0 keeps none',
    }),
    { env: 'VALENCE_KEEP_CALLS_DAYS', flag: 'keep-calls-days' },
  ),
  origins: setting(
    Type.String({
      default: '',
      description: 'origins of web pages whose scripts may use /mcp, separated by commas; those of this machine may',
    }),
    { env: 'VALENCE_ORIGINS', flag: 'origins' },
  ),
  cacheBytes: setting(
    Type.Integer({
      minimum: 0,
      maximum: 68_719_476_736,
      default: 33_554_432,
      description: 'memory for results that are kept, in bytes; 0 keeps none',
    }),
    { env: 'VALENCE_CACHE_BYTES', flag: 'cache-bytes' },
  ),
  shareCache: setting(
    Type.Boolean({
      default: false,
      description: 'let accounts share what is kept, and learn by its speed what others have sent',
    }),
    { env: 'VALENCE_SHARE_CACHE', flag: 'share-cache' },
  ),
  workersAiItems: setting(
    Type.Boolean({
      default: false,
      description: 'answer Workers AI as its documentation of 2023 shows it: result {items: […]}, best label first',
    }),
    { env: 'VALENCE_WORKERS_AI_ITEMS', flag: 'workers-ai-items' },
  ),
  logLevel: setting(
    Type.Union(
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'].map((level) => Type.Literal(level)),
      { default: 'warn', description: 'trace, debug, info (a line a request), warn, error or silent' },
    ),
    { env: 'VALENCE_LOG_LEVEL', flag: 'log-level' },
  ),
}

const Settings = Type.Object(SETTINGS)

type SettingName = keyof typeof SETTINGS

/** Settings whose empty text means that they are not set. */
type Optional = 'modelsDir' | 'databaseUrl' | 'keySecret' | 'prices'

export type Config = Omit<
  Static<typeof Settings>,
  Optional | 'allowModels' | 'apiKeys' | 'logLevel' | 'offline' | 'origins' | 'upstreams'
> & {
  [name in Optional]: string | undefined
} & {
  /** ids of repositories of the Hub, with stars */
  allowModels: string[]
  apiKeys: string[]
  origins: string[]
  upstreamsFile: string | undefined
  /** Reads a variable that another file names, such as the one of an upstream's key. */
  variable(name: string): string | undefined
  logLevel: string
  hub: HubConfig
}

/** Flags by name; text, or for switches true or false. */
export type Flags = Record<string, string | boolean | undefined>

/** A mistake of the user's in a flag or variable; its message says which. */
export class ConfigError extends Error {}

/**
 * Reads the configuration: a flag goes before its environment variable, that before the default.
 *
 * @param applies which settings are read at all; a command that does not serve must not stumble over a PORT
 * @throws ConfigError that names the flag or variable that is wrong
 */
export function readConfig(
  flags: Flags,
  env: NodeJS.ProcessEnv,
  applies: (setting: Outside) => boolean = () => true,
): Config {
  const values = Object.fromEntries(
    (Object.keys(SETTINGS) as SettingName[]).map((name) => [
      name,
      applies(SETTINGS[name]) ? readSetting(name, flags, env) : SETTINGS[name].default,
    ]),
  ) as Static<typeof Settings>
  const { offline, upstreams, ...others } = values
  const hub = hubConfig(env)
  return {
    ...others,
    hub: { ...hub, offline: hub.offline || offline },
    apiKeys: keysIn(values.apiKeys),
    allowModels: listIn(values.allowModels),
    origins: listIn(values.origins),
    upstreamsFile: given(upstreams),
    variable: (name) => (env[name] === '' ? undefined : env[name]),
    dataDir: values.dataDir === '' ? defaultDataDir(env) : values.dataDir,
    databaseUrl: given(values.databaseUrl),
    keySecret: longEnough(given(values.keySecret)),
    modelsDir: given(values.modelsDir),
    prices: given(values.prices),
    logLevel: String(values.logLevel),
  }
}

/** @throws ConfigError where the server would be open to others without anybody having said so */
export function refuseAccidentalOpenness({ host, apiKeys, requireKeys, open }: Config): void {
  if (apiKeys.length > 0 || requireKeys || open || isLoopback(host)) return
  throw new ConfigError(
    `Refusing to listen on ${host} without keys: anybody who reaches it could use it.\n` +
      'Say --require-keys, or set VALENCE_API_KEYS to one or more keys, separated by commas, or say --open.',
  )
}

function given(text: string): string | undefined {
  return text === '' ? undefined : text
}

/** A secret that can be guessed is worse than none, as it seems to be one. */
function longEnough(secret: string | undefined): string | undefined {
  if (secret === undefined || secret.length >= 16) return secret
  throw new ConfigError('VALENCE_KEY_SECRET will not do: it must have 16 characters or more.')
}

/** Where each system's users keep what programs must not lose. */
function defaultDataDir(env: NodeJS.ProcessEnv): string {
  const home = env.HOME || homedir()
  if (env.XDG_DATA_HOME) return join(env.XDG_DATA_HOME, 'valence')
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'valence')
  if (process.platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'valence')
  return join(home, '.local', 'share', 'valence')
}

function hubConfig(env: NodeJS.ProcessEnv): HubConfig {
  try {
    return readHubEnvironment(env)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

/** Whoever sets the variable means to have keys: one that holds none must not open the server. */
function keysIn(list: string): string[] {
  const keys = listIn(list)
  if (list !== '' && keys.length === 0) throw new ConfigError('VALENCE_API_KEYS is set, but holds no key.')
  return keys
}

function listIn(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function readSetting(name: SettingName, flags: Flags, env: NodeJS.ProcessEnv): unknown {
  const schema: TSchema & Outside & Documented = SETTINGS[name]
  const fromFlag = schema.flag === undefined ? undefined : flags[schema.flag]
  const fromEnv = env[schema.env] === '' ? undefined : env[schema.env]
  const given = fromFlag ?? fromEnv
  if (given === undefined) return schema.default
  const value = fromText(given, typeof schema.default)
  if (Value.Check(schema, value)) return value
  const source = fromFlag === undefined ? schema.env : `--${schema.flag}`
  const secret = schema.flag === undefined
  throw new ConfigError(`${source}${secret ? '' : `=${given}`} will not do: ${problem(schema, value)}.`)
}

function problem(schema: TSchema, value: unknown): string {
  if ('anyOf' in schema)
    return `it must be one of ${(schema.anyOf as { const: string }[]).map((option) => option.const).join(', ')}`
  return `it ${[...Value.Errors(schema, value)][0]?.message ?? 'is not valid'}`
}

function fromText(given: string | boolean, type: string): unknown {
  if (typeof given !== 'string') return given
  if (type === 'number') return /^\d+$/.test(given) ? Number(given) : given
  if (type === 'boolean')
    return { true: true, '1': true, yes: true, false: false, '0': false, no: false }[given.toLowerCase()] ?? given
  return given
}
