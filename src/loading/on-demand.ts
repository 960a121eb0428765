import { setTimeout } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { CatalogModel } from '../catalog/catalog.ts'
import { HubError } from '../catalog/hub/errors.ts'
import type { Progress } from '../catalog/hub/pull.ts'
import { repoNamed } from '../catalog/repo-name.ts'
import type { Revisions } from '../catalog/revisions.ts'
import type { Engine } from '../engine/engine.ts'
import { ValenceError } from '../errors.ts'
import { type ModelDirectory, type ModelStatus, noSuchModel } from '../gateway/models.ts'
import type { Held, ModelsOnDemand, Patience } from '../gateway/models-on-demand.ts'
import type { Loader } from './loader.ts'
import { createRecentFailures, type Failure, failureOf, TooBigError } from './on-demand-failure.ts'
import { type ModelFilesHere, type OnDemandFiles, OtherNameError, sizeInMemory } from './on-demand-files.ts'

/**
 * A model that somebody asked for: coming → ready → leaving → gone.
 *
 * Whoever waits for it or uses it holds it. One that is leaving still answers those who hold it; whoever asks for it then
 * waits until it is gone, and has it loaded again.
 */
type Guest = {
  model: CatalogModel
  state: 'coming' | 'ready' | 'leaving'
  holders: number
  /** what it takes in memory, once that is known */
  bytes: number
  startedAt: number
  fetched: Progress | undefined
  /** resolved when it is ready, or with what kept it from coming */
  arrived: Promise<Failure | undefined>
  /** resolved when its last holder lets go */
  drained: PromiseWithResolvers<void> | undefined
  gone: PromiseWithResolvers<void>
}

/** Each takes a connection to the Hub and a place on the disk; more are told to come back. */
const MAX_COMING = 8

/** Names that turned out to mean a repository of another name. */
const MAX_OTHER_NAMES = 1000

/** Those who wait hold a connection each. */
const MAX_WAITING = 1024

/** What the hosted API says before it knows better. */
const USUAL_SECONDS = 20

/** Reading and quantising takes seconds, of which nothing is known beforehand. */
const LOADING_SECONDS = 5

/** An npm client comes back at once after a 503, which is then at least no more than this often. */
const PAUSE_BEFORE_REFUSAL_MS = 1000

/** @param options.onFailure told of each model that could not be brought */
export function createModelsOnDemand(options: {
  engine: Engine
  loader: Loader
  directory: ModelDirectory
  revisions: Revisions
  files: OnDemandFiles
  /** what all of these models together may take in memory */
  maxBytes: number
  /** how long a request waits for a model where its client does not say */
  holdMs: number
  /** how long it waits where its client says that it waits */
  timeoutMs: number
  onFailure: (error: unknown, repo: string) => void
}): ModelsOnDemand {
  const { engine, loader, directory, revisions, files, maxBytes, holdMs, timeoutMs, onFailure } = options
  const closing = new AbortController()
  const failures = createRecentFailures()
  /** the one that was used longest ago comes first */
  const guests = new Map<string, Guest>()
  /** the Hub knows repositories by former names and in any case, too; loaded they are one */
  const otherNames = new LRUCache<string, string>({ max: MAX_OTHER_NAMES })
  /** the catalog's models by their repositories, in small letters */
  const ofCatalog = new Map(
    directory.list().flatMap(({ model }) => {
      const repos = [model.id, ...model.aliases].map(repoNamed).filter((repo) => repo !== undefined)
      return repos.map((repo) => [repo.toLowerCase(), model.id])
    }),
  )
  let usedBytes = 0
  let waiting = 0
  /** One after another: each makes room first. */
  let lastLoad: Promise<unknown> = Promise.resolve()

  function begin(repo: string): Guest {
    if ([...guests.values()].filter(({ state }) => state === 'coming').length >= MAX_COMING) throw tooManyComing()
    const guest: Guest = {
      model: files.entry(repo),
      state: 'coming',
      holders: 0,
      bytes: 0,
      startedAt: performance.now(),
      fetched: undefined,
      arrived: Promise.resolve(undefined),
      drained: undefined,
      gone: Promise.withResolvers(),
    }
    guests.set(repo, guest)
    guest.arrived = bring(guest)
    return guest
  }

  /** @returns what kept it from coming; it does not throw */
  async function bring(guest: Guest): Promise<Failure | undefined> {
    const { id } = guest.model
    let here: ModelFilesHere | undefined
    try {
      here = files.find(id) ?? (await fetch(guest))
      const found = here
      await oneAtATime(() => load(guest, found))
      return undefined
    } catch (error) {
      guests.delete(id)
      if (error instanceof OtherNameError) {
        otherNames.set(id, error.id)
        return undefined
      }
      if (closing.signal.aborted) return { isTooBig: false, error: shuttingDown }
      const failure = failureOf(error, here?.folder)
      failures.add(id, failure, error instanceof HubError && error.transient)
      onFailure(error, id)
      return failure
    }
  }

  function fetch(guest: Guest): Promise<ModelFilesHere> {
    const onProgress = (progress: Progress) => {
      guest.fetched = progress
    }
    return files.fetch(guest.model.id, { onProgress, signal: closing.signal })
  }

  function oneAtATime(work: () => Promise<void>): Promise<void> {
    const done = lastLoad.then(work)
    lastLoad = done.catch(() => {})
    return done
  }

  async function load(guest: Guest, here: ModelFilesHere): Promise<void> {
    const { id } = guest.model
    const same = here.commit === undefined ? undefined : loadedFrom(here.commit)
    if (same !== undefined) {
      otherNames.set(id, same)
      guests.delete(id)
      return
    }
    const { labels, bytes } = sizeInMemory(here.folder, engine)
    guest.model = files.entry(id, labels)
    await makeRoom(id, bytes)
    guest.bytes = bytes
    usedBytes += bytes
    try {
      const revision = await loader.load(guest.model, here, closing.signal)
      revisions.note(id, { folder: here.folder, commit: revision })
    } catch (error) {
      usedBytes -= bytes
      await engine.unload(id)
      throw error
    }
    directory.add(guest.model)
    guest.state = 'ready'
  }

  /** The model that has these weights already: another's, or one of the catalog. */
  function loadedFrom(commit: string): string | undefined {
    return directory.list().find(({ model }) => revisions.markOf(model.id) === commit)?.model.id
  }

  async function makeRoom(id: string, bytes: number): Promise<void> {
    if (bytes > maxBytes) throw tooBig(id, bytes, maxBytes)
    while (usedBytes + bytes > maxBytes) {
      const ready = [...guests.values()].filter(({ state }) => state === 'ready')
      await evict(ready.find(({ holders }) => holders === 0) ?? ready[0]!)
      closing.signal.throwIfAborted()
    }
  }

  async function evict(guest: Guest): Promise<void> {
    const { id } = guest.model
    guest.state = 'leaving'
    guest.drained = Promise.withResolvers()
    if (guest.holders > 0) await guest.drained.promise
    directory.remove(id)
    revisions.forget(id)
    await engine.unload(id)
    usedBytes -= guest.bytes
    guests.delete(id)
    guest.gone.resolve()
  }

  function release(guest: Guest): void {
    guest.holders--
    if (guest.holders === 0) guest.drained?.resolve()
  }

  function held(guest: Guest): Held {
    guests.delete(guest.model.id)
    guests.set(guest.model.id, guest)
    return { model: guest.model, release: () => release(guest) }
  }

  /** @throws ValenceError `model_loading` when the deadline is there first; the signal's reason */
  async function waitFor<T>(
    what: Promise<T>,
    guest: Guest,
    name: string,
    deadline: number,
    signal: AbortSignal,
  ): Promise<T> {
    if (waiting >= MAX_WAITING) throw tooManyWaiting()
    const over = new AbortController()
    const either = AbortSignal.any([signal, over.signal])
    const time = setTimeout(Math.max(0, deadline - performance.now()), undefined, { signal: either }).then(
      (): never => {
        throw loading(name, secondsLeft(guest))
      },
    )
    waiting++
    try {
      return await Promise.race([what, time])
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      waiting--
      over.abort()
      time.catch(() => {})
    }
  }

  async function hold(
    name: string,
    { waitsForModel = false, mayLoad = true, signal }: Patience & { signal: AbortSignal },
  ): Promise<Held> {
    const deadline = performance.now() + (waitsForModel ? timeoutMs : Math.min(holdMs, timeoutMs))
    for (;;) {
      signal.throwIfAborted()
      const repo = repoOf(name)
      const known = repo === undefined ? undefined : guests.get(repo)
      const settled = known || repo === undefined ? undefined : directory.find(repo)
      if (settled) return { model: settled.model, release() {} }
      if (known?.state === 'leaving') {
        await waitFor(known.gone.promise, known, name, deadline, signal)
        continue
      }
      if (!known) {
        await refuseWhatCannotCome(name, repo, mayLoad, signal)
        // Somebody else may have begun meanwhile.
        if (!guests.has(repo!)) begin(repo!)
        continue
      }
      const guest = known
      guest.holders++
      if (guest.state === 'ready') return held(guest)
      let failure: Failure | undefined
      try {
        failure = await waitFor(guest.arrived, guest, name, deadline, signal)
      } catch (error) {
        release(guest)
        throw error
      }
      // It may be leaving already; the compiler does not see that the state changes at all.
      if ((guest.state as Guest['state']) === 'ready') return held(guest)
      release(guest)
      if (failure) throw failure.error(name)
    }
  }

  function repoOf(name: string): string | undefined {
    const repo = repoNamed(name)
    return repo === undefined ? undefined : (otherNames.get(repo) ?? ofCatalog.get(repo.toLowerCase()) ?? repo)
  }

  async function refuseWhatCannotCome(
    name: string,
    repo: string | undefined,
    mayLoad: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (closing.signal.aborted) throw shuttingDown()
    if (repo === undefined) throw noSuchModel(name)
    const failure = failures.of(repo)
    if (failure) throw failure.error(name)
    if (!files.mayFetch(repo) && !files.find(repo))
      throw noSuchModel(name, repo.includes('/') ? ', and it is none that this server may fetch (--allow-models)' : '')
    if (mayLoad) return
    await setTimeout(Math.min(PAUSE_BEFORE_REFUSAL_MS, holdMs), undefined, { signal }).catch(() =>
      signal.throwIfAborted(),
    )
    throw loading(name, USUAL_SECONDS)
  }

  function status(name: string): ModelStatus | undefined {
    const repo = repoOf(name)
    if (repo === undefined) return undefined
    const guest = guests.get(repo)
    const settled = guest ? undefined : directory.find(repo)
    if (settled) return settled
    const nothing = { model: guest?.model ?? files.entry(repo), servedBy: undefined }
    if (guest?.state === 'ready') return { ...nothing, state: 'ready', servedBy: repo, reason: undefined }
    if (guest) return { ...nothing, state: 'loading', reason: 'it is being loaded.' }
    const failure = failures.of(repo)
    const error = failure?.error(name)
    if (failure?.isTooBig) return { ...nothing, state: 'too_big', reason: error!.message }
    if (error?.code === 'model_not_found') return undefined
    if (!files.mayFetch(repo) && !files.find(repo)) return undefined
    return { ...nothing, state: 'loadable', reason: error?.message ?? 'it is loaded when somebody asks for it.' }
  }

  return {
    status,
    brings: ({ model, state }) => guests.has(model.id) || state === 'loadable' || state === 'too_big',
    hold,
    async close() {
      closing.abort(shuttingDown())
      for (const { drained } of guests.values()) drained?.resolve()
      await Promise.allSettled([...guests.values()].map(({ arrived }) => arrived))
    },
  }
}

/** Told from how fast its files have come so far. */
function secondsLeft({ startedAt, fetched }: Guest): number {
  if (!fetched || fetched.bytes === 0) return USUAL_SECONDS
  const bytesPerMs = fetched.bytes / (performance.now() - startedAt)
  const left = (fetched.totalBytes - fetched.bytes) / bytesPerMs / 1000
  return Math.ceil(left) + LOADING_SECONDS
}

function loading(name: string, estimatedSeconds: number): ValenceError {
  return new ValenceError('model_loading', `The model is being loaded. Try again in about ${estimatedSeconds} s.`, {
    model: name,
    estimatedSeconds,
    retryAfterSeconds: estimatedSeconds,
  })
}

function tooBig(id: string, bytes: number, maxBytes: number): TooBigError {
  const inMegabytes = (count: number) => Math.ceil(count / 1_000_000)
  return new TooBigError(
    `${id} takes about ${inMegabytes(bytes)} MB of memory; --model-memory-bytes leaves ${inMegabytes(maxBytes)} MB.`,
  )
}

function tooManyComing(): ValenceError {
  return new ValenceError('busy', `${MAX_COMING} models are being loaded already. Try again shortly.`, {
    retryAfterSeconds: LOADING_SECONDS,
  })
}

function tooManyWaiting(): ValenceError {
  return new ValenceError('busy', 'Too many requests wait for models. Try again shortly.', {
    retryAfterSeconds: LOADING_SECONDS,
  })
}

function shuttingDown(): ValenceError {
  return new ValenceError('shutting_down', 'The server is shutting down.')
}
