import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'

const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })

const UpstreamSettings = Type.Object(
  {
    protocol: Type.Union([Type.Literal('openai'), Type.Literal('workers-ai'), Type.Literal('huggingface')]),
    /** what comes before `/chat/completions`, `/ai/run/…` or `/models/…` */
    url: Type.String({ pattern: '^https?://' }),
    /** the environment variable that holds the key; a key itself has no place in a file */
    keyVariable: Type.Optional(Type.String({ pattern: '^[A-Z][A-Z0-9_]*$' })),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000 })),
    maxConcurrent: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
  },
  { additionalProperties: false },
)

/** What a request costs the operator there, in micro-dollars, and how good the answers are, from 0 to 1. */
const Merits = {
  costMicros: Type.Optional(Type.Integer({ minimum: 0 })),
  quality: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
}

const Labels = Type.Array(Type.String({ minLength: 1 }), { minItems: 2, maxItems: 1000, uniqueItems: true })

const CandidateSettings = Type.Union([
  Type.Object(
    {
      upstream: Name,
      model: Type.String({ minLength: 1 }),
      /** what the upstream calls the model's labels, in the same order, where it calls them something else */
      labelsThere: Type.Optional(Labels),
      ...Merits,
    },
    { additionalProperties: false },
  ),
  Type.Object({ local: Type.String({ minLength: 1 }), ...Merits }, { additionalProperties: false }),
])

const ModelSettings = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 200, pattern: '^[\\w@.-]+(/[\\w@.-]+)+$' }),
    aliases: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 20 })),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
    /** as the answers name them, in the order of a Workers AI answer; those of the catalog where the model is in it */
    labels: Type.Optional(Labels),
    /** who is asked, in this order unless a request asks for another */
    candidates: Type.Array(CandidateSettings, { minItems: 1, maxItems: 8 }),
  },
  { additionalProperties: false },
)

const UpstreamsFile = Type.Object(
  { upstreams: Type.Record(Name, UpstreamSettings), models: Type.Array(ModelSettings, { maxItems: 1000 }) },
  { additionalProperties: false },
)

export type UpstreamsConfiguration = Static<typeof UpstreamsFile>
export type UpstreamSettings = Static<typeof UpstreamSettings>
export type CandidateSettings = Static<typeof CandidateSettings>

export const NO_UPSTREAMS: UpstreamsConfiguration = { upstreams: {}, models: [] }

/**
 * Reads the file of upstreams.
 *
 * @throws Error that says which part of it will not do
 */
export function parseUpstreams(json: string): UpstreamsConfiguration {
  const parsed = asJson(json)
  if (!Value.Check(UpstreamsFile, parsed)) throw new Error(firstProblem(parsed))
  for (const { id, candidates } of parsed.models) {
    for (const candidate of candidates) {
      if ('upstream' in candidate && !Object.hasOwn(parsed.upstreams, candidate.upstream))
        throw new Error(`the model ${id} names the upstream ${candidate.upstream}, which upstreams does not have`)
    }
  }
  for (const [name, { url }] of Object.entries(parsed.upstreams)) refuseOddAddress(name, url)
  return parsed
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is not JSON')
  }
}

/** The deepest finding is about what was meant: of a union, each branch reports what keeps the value from being it. */
function firstProblem(value: unknown): string {
  const findings = [...Value.Errors(UpstreamsFile, value)]
  const deepest = findings.toSorted((a, b) => depth(b.instancePath) - depth(a.instancePath))[0]
  return `${deepest?.instancePath || 'the whole'}: it ${deepest?.message ?? 'is not valid'}`
}

function depth(pointer: string): number {
  return pointer.split('/').length
}

/** A password in an address would end up in logs and messages. */
function refuseOddAddress(name: string, url: string): void {
  if (!URL.canParse(url)) throw new Error(`the url of the upstream ${name} is no URL`)
  const { username, password, search, hash } = new URL(url)
  if (username || password || search || hash)
    throw new Error(`the url of the upstream ${name} may hold neither a user, a password, a query nor a fragment`)
}
