import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The variables that Hugging Face's own tools read, read as they read them, so that one setting serves all. */
export type HubConfig = {
  /** without a slash at its end */
  endpoint: string
  token: string | undefined
  cacheDir: string
  offline: boolean
  answerTimeoutMs: number
  idleTimeoutMs: number
  proxies: Record<string, string>
}

const PROXY_VARIABLES = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']

const DEFAULT_ENDPOINT = 'https://huggingface.co'

/** Theirs as well: long enough for a slow server, short enough to notice a dead one. */
const DEFAULT_TIMEOUT_S = 10

/**
 * @throws Error that names the variable which is wrong, and does not show a token
 */
export function readHubEnvironment(env: NodeJS.ProcessEnv): HubConfig {
  const home = expanded(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), env)
  const cacheDir = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub')
  return {
    endpoint: endpoint(env.HF_ENDPOINT || DEFAULT_ENDPOINT),
    token: isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN) ? undefined : token(env, home),
    cacheDir: expanded(cacheDir, env),
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    answerTimeoutMs: timeoutMs('HF_HUB_ETAG_TIMEOUT', env),
    idleTimeoutMs: timeoutMs('HF_HUB_DOWNLOAD_TIMEOUT', env),
    proxies: Object.fromEntries(PROXY_VARIABLES.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
  }
}

function endpoint(text: string): string {
  const url = URL.parse(text)
  if (url && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.search === '' && url.hash === '')
    return text.replace(/\/+$/, '')
  throw new Error(`HF_ENDPOINT will not do: it must be an address such as ${DEFAULT_ENDPOINT}.`)
}

/** The token file is where `hf auth login` leaves it. */
function token(env: NodeJS.ProcessEnv, home: string): string | undefined {
  const file = env.HF_TOKEN_PATH ? expanded(env.HF_TOKEN_PATH, env) : join(home, 'token')
  const found = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || textOf(file)).trim()
  if (found === '') return undefined
  if (/^[\x21-\x7e]+$/.test(found)) return found
  throw new Error(`The token in HF_TOKEN or ${file} will not do: it holds characters that no token has.`)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function timeoutMs(name: string, env: NodeJS.ProcessEnv): number {
  const text = env[name] || String(DEFAULT_TIMEOUT_S)
  const seconds = Number(text)
  if (/^\d{1,5}(\.\d{1,3})?$/.test(text) && seconds > 0) return seconds * 1000
  throw new Error(`${name}=${text} will not do: it must be a number of seconds.`)
}

function isTrue(text: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((text ?? '').toUpperCase())
}

/** As a shell would read it: `~/models`, `$HOME/models`, `${HOME}/models`. */
function expanded(path: string, env: NodeJS.ProcessEnv): string {
  return path
    .replace(/^~(?=\/|$)/, homedir())
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, bare: string, braced: string) => env[bare ?? braced] ?? whole)
}
