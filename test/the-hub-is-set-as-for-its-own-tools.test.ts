import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import { PYTHON, runToEnd, warnWithoutPython } from './support/python.ts'

warnWithoutPython()

const home = mkdtempSync(join(tmpdir(), 'valence-home-'))
mkdirSync(join(home, 'hf'))
writeFileSync(join(home, 'hf', 'token'), 'hf_from-the-file\n')
writeFileSync(join(home, 'other-token'), ' hf_from-another-file ')
afterAll(() => rmSync(home, { recursive: true }))

/** Variables, and what both Valence and huggingface_hub make of them. */
const SETTINGS: [string, Record<string, string>, Partial<Settings>][] = [
  [
    'nothing',
    {},
    {
      endpoint: 'https://huggingface.co',
      token: null,
      cacheDir: `${homedir()}/.cache/huggingface/hub`,
      offline: false,
    },
  ],
  ['HF_ENDPOINT', { HF_ENDPOINT: 'https://hub.example/mirror/' }, { endpoint: 'https://hub.example/mirror' }],
  ['HF_HOME', { HF_HOME: join(home, 'hf') }, { cacheDir: join(home, 'hf', 'hub'), token: 'hf_from-the-file' }],
  ['HF_HOME with a variable', { HF_HOME: '$SOME/hf', SOME: home }, { cacheDir: join(home, 'hf', 'hub') }],
  ['HF_HOME at home', { HF_HOME: '~/hf' }, { cacheDir: `${homedir()}/hf/hub` }],
  ['XDG_CACHE_HOME', { XDG_CACHE_HOME: home }, { cacheDir: join(home, 'huggingface', 'hub') }],
  ['HF_HUB_CACHE', { HF_HUB_CACHE: '/a', HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c' }, { cacheDir: '/a' }],
  ['HUGGINGFACE_HUB_CACHE', { HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c' }, { cacheDir: '/b' }],
  ['HF_TOKEN', { HF_TOKEN: 'hf_given', HF_HOME: join(home, 'hf') }, { token: 'hf_given' }],
  ['HF_TOKEN_PATH', { HF_TOKEN_PATH: join(home, 'other-token') }, { token: 'hf_from-another-file' }],
  ['HF_HUB_OFFLINE', { HF_HUB_OFFLINE: '1' }, { offline: true }],
  ['HF_HUB_OFFLINE in words', { HF_HUB_OFFLINE: 'Yes' }, { offline: true }],
  ['HF_HUB_OFFLINE otherwise', { HF_HUB_OFFLINE: 'maybe' }, { offline: false }],
  ['TRANSFORMERS_OFFLINE', { TRANSFORMERS_OFFLINE: 'on' }, { offline: true }],
  [
    'time-outs',
    { HF_HUB_ETAG_TIMEOUT: '3', HF_HUB_DOWNLOAD_TIMEOUT: '40' },
    { answerTimeoutMs: 3000, idleTimeoutMs: 40_000 },
  ],
]

type Settings = {
  endpoint: string
  token: string | null
  cacheDir: string
  offline: boolean
  answerTimeoutMs: number
  idleTimeoutMs: number
}

const PYTHONS_VIEW = `
import json
from huggingface_hub import constants, get_token
print(json.dumps(dict(endpoint=constants.ENDPOINT, token=get_token(), cacheDir=constants.HF_HUB_CACHE, offline=constants.HF_HUB_OFFLINE,
    answerTimeoutMs=constants.HF_HUB_ETAG_TIMEOUT * 1000, idleTimeoutMs=constants.HF_HUB_DOWNLOAD_TIMEOUT * 1000)))`

describe.each(SETTINGS)('%s', (_, env, expected) => {
  it('is read', () => {
    const { hub } = readConfig({}, env)
    expect({ ...hub, token: hub.token ?? null }).toMatchObject(expected)
  })

  it.skipIf(PYTHON === undefined)('is read as huggingface_hub reads it', async () => {
    const none = ['HF_HUB_CACHE', 'HF_TOKEN', 'HF_HOME', 'XDG_CACHE_HOME'].map((name) => `-u${name}`)
    const { stdout, stderr } = await runToEnd('env', [...none, ...pairs(env), PYTHON!, '-c', PYTHONS_VIEW])
    expect(JSON.parse(stdout || 'null'), stderr).toMatchObject(expected)
  })
})

function pairs(env: Record<string, string>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`)
}

describe('what will not do is named', () => {
  it.each([
    [{ HF_ENDPOINT: 'huggingface.co' }, /HF_ENDPOINT will not do/],
    [{ HF_ENDPOINT: 'ftp://huggingface.co' }, /HF_ENDPOINT will not do/],
    [{ HF_ENDPOINT: 'https://user:secret@hub.example' }, /^(?!.*secret)HF_ENDPOINT will not do/],
    [{ HF_TOKEN: 'hf_of two' }, /^(?!.*hf_of)The token in HF_TOKEN/],
    [{ HF_HUB_ETAG_TIMEOUT: 'long' }, /HF_HUB_ETAG_TIMEOUT=long will not do/],
    [{ HF_HUB_DOWNLOAD_TIMEOUT: '0' }, /HF_HUB_DOWNLOAD_TIMEOUT=0 will not do/],
  ])('%j', (env, message) => {
    expect(() => readConfig({}, env)).toThrow(message)
  })
})

it('the flag, VALENCE_OFFLINE and HF_HUB_OFFLINE each keep Valence offline', () => {
  expect(readConfig({ offline: true }, {}).hub.offline).toBe(true)
  expect(readConfig({}, { VALENCE_OFFLINE: 'true' }).hub.offline).toBe(true)
  expect(readConfig({}, { VALENCE_OFFLINE: 'false', HF_HUB_OFFLINE: '1' }).hub.offline).toBe(true)
})
