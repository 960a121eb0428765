import type { CatalogModel } from '../catalog/catalog.ts'
import type { Revisions } from '../catalog/revisions.ts'
import type { Engine } from '../engine/engine.ts'
import type { Candidate } from './candidates.ts'
import { createLatency } from './latency.ts'
import type { ModelDirectory } from './models.ts'
import type { CandidateSettings, UpstreamsConfiguration } from './upstreams/configuration.ts'
import { createUpstream, estimatedTokens, type Upstream } from './upstreams/upstream.ts'

/** How somebody who answers is. */
export type ProviderHealth = {
  /** `local` for this server's own weights */
  name: string
  /** `degraded` where it is tried again after failures */
  status: 'healthy' | 'degraded' | 'down'
  /** of late, for a text */
  latencyMs: number | undefined
  circuit: 'closed' | 'open' | 'half_open'
  models: readonly string[]
}

/** Who answers for which model: this server's weights, and upstreams. */
export type Responders = {
  /**
   * In the operator's order.
   *
   * @throws ValenceError `model_not_found`, `model_unavailable`
   */
  candidatesOf(model: CatalogModel): Candidate[]
  /** whether somebody else may answer while this server's queue is full */
  haveUpstreams: boolean
  health(): ProviderHealth[]
}

/** More models than a server answers for in turn; then they are made again. */
const MAX_KEPT = 100

/** This server's own weights, among those who answer. */
const LOCAL_PROVIDER = 'local'

/**
 * @param options.keyOf the key of an upstream, by the name of the variable that holds it
 */
export function createResponders(options: {
  engine: Engine
  directory: ModelDirectory
  revisions: Revisions
  configuration: UpstreamsConfiguration
  /** whose texts share a computation */
  sharedAmong: (accountId: string) => string
  keyOf: (variable: string) => string | undefined
}): Responders {
  const { engine, directory, revisions, configuration, sharedAmong, keyOf } = options
  const latency = createLatency()
  const settings = new Map(configuration.models.map(({ id, candidates }) => [id, candidates]))
  const upstreams = new Map(
    Object.entries(configuration.upstreams).map(([name, upstream]) => {
      const key = upstream.keyVariable === undefined ? undefined : keyOf(upstream.keyVariable)
      return [name, createUpstream(name, upstream, key)]
    }),
  )

  const weightsOf = (servedBy: string) => `${servedBy}@${revisions.markOf(servedBy)}`

  function local(servedBy: string, { costMicros = 0, quality = 0 }: Merits = {}): Candidate {
    return {
      servedBy,
      weights: weightsOf(servedBy),
      isLocal: true,
      costMicros,
      quality,
      latencyMs: () => latency.ms(),
      isResting: () => !engine.canRun(),
      countTokens: (text) => engine.countTokens(servedBy, text),
      canAnswer: () => true,
      answer({ inputs, activation, accountId, lane, onComputed }, signal) {
        const startedAt = performance.now()
        const options = { activation, signal, sharedAmong: sharedAmong(accountId), lane, onComputed }
        return engine.classify(servedBy, inputs, options).then((results) => {
          latency.took(performance.now() - startedAt, inputs.length)
          return results
        })
      },
    }
  }

  const ofNoMerits = new Map<string, Candidate>()

  /** The same object for one request after another, since it is a kilobyte and each that waits would hold one. */
  function sameLocal(servedBy: string): Candidate {
    const known = ofNoMerits.get(servedBy)
    if (known?.weights === weightsOf(servedBy)) return known
    const made = local(servedBy)
    if (ofNoMerits.size >= MAX_KEPT) ofNoMerits.clear()
    ofNoMerits.set(servedBy, made)
    return made
  }

  function candidate(model: CatalogModel, chosen: CandidateSettings): Candidate {
    if ('local' in chosen) return local(directory.resolve(chosen.local).servedBy, chosen)
    return remote(model, upstreams.get(chosen.upstream)!, chosen)
  }

  return {
    candidatesOf(model) {
      const chosen = settings.get(model.id)
      if (chosen === undefined) return [sameLocal(directory.resolve(model.id).servedBy)]
      // Weights that are missing are no reason to refuse, where somebody else has them.
      const able = chosen.filter((each) => !('local' in each) || directory.get(each.local).servedBy !== undefined)
      if (able.length === 0) directory.resolve((chosen[0] as { local: string }).local)
      return able.map((each) => candidate(model, each))
    },
    haveUpstreams: upstreams.size > 0,
    health: () => [
      {
        name: LOCAL_PROVIDER,
        status: engine.canRun() ? 'healthy' : 'down',
        latencyMs: latency.ms(),
        circuit: 'closed',
        models: directory.list().flatMap(({ model, state }) => (state === 'remote' ? [] : [model.id])),
      },
      ...[...upstreams.values()].map((upstream) => healthOf(upstream, configuration)),
    ],
  }
}

type Merits = { costMicros?: number; quality?: number }

function remote(
  model: CatalogModel,
  upstream: Upstream,
  chosen: Extract<CandidateSettings, { upstream: string }>,
): Candidate {
  const { costMicros = 0, quality = 0, labelsThere = model.labels } = chosen
  return {
    servedBy: `${upstream.name}:${chosen.model}`,
    weights: `${upstream.name}:${chosen.model}`,
    isLocal: false,
    costMicros,
    quality,
    latencyMs: upstream.latencyMs,
    isResting: () => upstream.breaker.state() === 'open',
    countTokens: estimatedTokens,
    canAnswer: upstream.canAsk,
    answer: ({ inputs, activation }, signal) =>
      upstream.ask({ model: chosen.model, labels: labelsThere, inputs, activation }, model.labels, signal),
  }
}

function healthOf({ name, breaker, latencyMs }: Upstream, { models }: UpstreamsConfiguration): ProviderHealth {
  const circuit = breaker.state()
  return {
    name,
    status: ({ closed: 'healthy', half_open: 'degraded', open: 'down' } as const)[circuit],
    latencyMs: latencyMs(),
    circuit,
    models: models
      .filter(({ candidates }) => candidates.some((each) => 'upstream' in each && each.upstream === name))
      .map(({ id }) => id),
  }
}
