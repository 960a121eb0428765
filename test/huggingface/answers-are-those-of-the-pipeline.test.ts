import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newCache, removeCaches } from '../support/cache.ts'
import { post } from '../support/http.ts'
import { type RunningServer, startTestServer } from '../support/server.ts'

const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url))

type Ranking = [label: string, score: number][]
type Answer = {
  labels: number
  problem_type: string | null
  parameters: Record<string, unknown>
  /** one for each of TEXTS */
  rankings: Ranking[]
}
type Length = { inputs: unknown; parameters: Record<string, unknown>; ranking?: Ranking; error?: string }

type Usage = { config: Record<string, unknown>; inputs: unknown; parameters: Record<string, unknown>; ranking: Ranking }

/** What the transformers pipeline answered in fp32; `make-pipeline-answers.py` beside it asked. */
const ANSWERS = readJson('answers.json') as Answer[]
const LENGTHS = readJson('lengths.json') as Length[]
/** With what a model's own tokenizer_config.json may say, on the model with three labels. */
const USAGES = readJson('usages.json') as Usage[]
const TEXTS = ['w1 w2 w3', 'w40 w7 w7 w19 w2 w33', { text: 'w5 w6', text_pair: 'w8 w9 w10' }]

/** INT8 moves logits by some hundredths. */
const TOLERANCE = 0.08

const USAGE_CONFIGS = [...new Set(USAGES.map(({ config }) => JSON.stringify(config)))]

const CONFIGS = [...new Set(ANSWERS.map(({ labels, problem_type }) => `labels-${labels}/${problem_type}`))]

let server: RunningServer
beforeAll(async () => {
  const modelsDir = newCache()
  for (const name of CONFIGS) putModel(modelsDir, name)
  for (const config of USAGE_CONFIGS) putModel(modelsDir, usageModel(config), 'labels-3', config)
  server = await startTestServer(['--models-dir', modelsDir, '--workers', '1'])
})
afterAll(async () => {
  await server?.stop()
  removeCaches()
})

describe.each(CONFIGS)('%s', (name) => {
  it.each(
    ANSWERS.filter((answer) => `labels-${answer.labels}/${answer.problem_type}` === name).map(
      ({ parameters, rankings }) => ({ said: JSON.stringify(parameters), parameters, rankings }),
    ),
  )('answers as the pipeline does to $said', async ({ parameters, rankings }) => {
    const list = await post(`${server.url}/models/${name}`, { inputs: TEXTS, parameters })
    expect(list.status).toBe(200)
    expectRankings(list.body, rankings)
    const pair = await post(`${server.url}/models/${name}`, { inputs: TEXTS[2], parameters })
    expectRankings(pair.body, [rankings[2]!])
  })
})

it('answers five labels where top_k is not given, as the hosted API does', async () => {
  const { body } = await post(`${server.url}/models/labels-6/null`, { inputs: TEXTS[0] })
  const whole = ANSWERS.find(({ labels, parameters }) => labels === 6 && parameters.top_k === null)!
  expectRankings(body, [whole.rankings[0]!.slice(0, 5)])
})

describe('a text that may be too long', () => {
  it.each(LENGTHS.map((length) => ({ ...length, said: JSON.stringify(length.parameters), on: namedInputs(length) })))(
    'is cut as the pipeline cuts it: $on, $said',
    async ({ inputs, parameters, ranking, error }) => {
      const saysNothing = Object.keys(parameters).length === 0
      const reply = await post(`${server.url}/models/labels-2/null`, {
        inputs,
        parameters: { ...parameters, function_to_apply: 'none' },
      })
      // Where nothing is said the pipeline fails; a cut answer that says so is worth more.
      if (error !== undefined && !saysNothing) {
        expect(reply).toMatchObject({ status: 400, body: { error: expect.stringMatching(/cut/) } })
        return
      }
      expect(reply.status).toBe(200)
      expect(reply.headers.get('x-valence-truncated')).toBe(isLong(inputs) ? 'true' : null)
      if (ranking) expectRankings(reply.body, [ranking])
    },
  )

  it.each([
    ['truncation', { truncation: 'sometimes' }],
    ['padding', { padding: 'a lot' }],
    ['max_length', { max_length: 0 }],
    ['max_length', { max_length: 'long' }],
  ])('hears that %s is wrong', async (parameter, parameters) => {
    expect(await post(`${server.url}/models/labels-2/null`, { inputs: 'w1', parameters })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(`parameters.${parameter}`) },
    })
  })

  it('is refused where the length leaves no room for a token', async () => {
    const reply = await post(`${server.url}/models/labels-2/null`, { inputs: 'w1', parameters: { max_length: 1 } })
    expect(reply).toMatchObject({ status: 400, body: { error: expect.stringContaining('no room') } })
  })
})

describe.each(USAGE_CONFIGS)('a tokenizer_config.json that says %s', (config) => {
  it.each(
    USAGES.filter((usage) => JSON.stringify(usage.config) === config).map((usage) => ({
      ...usage,
      said: JSON.stringify(usage.parameters),
      on: namedInputs(usage),
    })),
  )('is followed: $on, $said', async ({ inputs, parameters, ranking }) => {
    const { status, body } = await post(`${server.url}/models/${usageModel(config)}`, {
      inputs,
      parameters: { ...parameters, top_k: null, function_to_apply: 'none' },
    })
    expect(status).toBe(200)
    expectRankings(body, [ranking])
  })
})

it.each([
  [true, 3],
  [false, 1],
])('the older return_all_scores: %s answers %i labels', async (all, count) => {
  const model = `${server.url}/models/labels-3/null`
  const { body } = await post(model, { inputs: 'w1', parameters: { return_all_scores: all } })
  expect(body).toEqual([expect.objectContaining({ length: count })])
})

/** The weights are such that labels keep their order under INT8. */
function expectRankings(body: unknown, expected: readonly Ranking[]): void {
  const rankings = body as { label: string; score: number }[][]
  expect(rankings.map((ranking) => ranking.length)).toEqual(expected.map((ranking) => ranking.length))
  for (const [index, ranking] of expected.entries()) {
    for (const [place, [label, score]] of ranking.entries()) {
      const ours = rankings[index]![place]!
      expect(Math.abs(ours.score - score)).toBeLessThan(TOLERANCE)
      expect(ours.label).toBe(label)
    }
  }
}

/** Each its own model: what tells one from another is in its name. */
function usageModel(config: string): string {
  return `usages/number-${USAGE_CONFIGS.indexOf(config)}`
}

function putModel(
  modelsDir: string,
  name: string,
  weights = name.split('/')[0]!,
  tokenizerConfig = '{"do_lower_case": true}',
): void {
  const problemType = name.startsWith(weights) ? name.split('/')[1]! : 'null'
  const folder = join(modelsDir, name)
  mkdirSync(folder, { recursive: true })
  cpSync(join(FIXTURES, weights), folder, { recursive: true })
  cpSync(join(FIXTURES, 'vocab.txt'), join(folder, 'vocab.txt'))
  const config = readJson(`${weights}/config.json`) as Record<string, unknown>
  const problem = problemType === 'null' ? {} : { problem_type: problemType }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...problem }))
  writeFileSync(join(folder, 'tokenizer_config.json'), tokenizerConfig)
}

function namedInputs({ inputs }: Pick<Length, 'inputs'>): string {
  const shape = typeof inputs === 'string' ? 'a text' : 'a pair'
  return isLong(inputs) ? `${shape} that is too long` : shape
}

function isLong(inputs: unknown): boolean {
  return JSON.stringify(inputs).length > 100
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'))
}
