import { setImmediate } from 'node:timers/promises'
import { ValenceError } from '../errors.ts'
import { type Activation, activate } from './activation.ts'
import { createBatcher, type Depth, type Lane } from './batcher.ts'
import { loadAddon } from './native/addon.ts'
import type { Network, OnnxFile, Unread } from './network.ts'
import { type BackendChoice, type BackendName, createPools, type ModelSize } from './pools.ts'
import type { QueuedText } from './queued-text.ts'
import type { GoldenText } from './self-test.ts'
import type { Tokenizer, TokenSequence } from './tokenizer/tokenizer.ts'
import type { TokenLimit } from './tokenizer/truncate.ts'

/** A model that the engine can run. */
export type EngineModel = {
  id: string
  network: Network | OnnxFile
  /** what of the network is not read yet; its file must be open until the model is loaded */
  unread?: Unread | undefined
  /** called once, while the backend packs the weights: it takes as long as that */
  makeTokenizer: () => Tokenizer
  /** in the order of the logits */
  labels: string[]
  /** what a backend is tested with before it may answer; none is no test */
  golden: readonly GoldenText[]
  /** what makes scores of the logits where a request does not say */
  activation: Activation
}

/** What is kept of a model once a backend has its weights. */
type LoadedModel = Omit<EngineModel, 'network' | 'unread' | 'golden' | 'makeTokenizer'> & { tokenizer: Tokenizer }

/** A text, or a pair of texts that are read together. */
export type TextInput = {
  text: string
  pair?: string | undefined
  /** where the request says how a text is cut, or that none may be */
  limit?: (TokenLimit & { refusesCut?: boolean }) | undefined
}

export type LabelScore = { label: string; score: number }

export type { Depth, Lane }

/** What the engine says about one text. */
export type Classification = {
  /** in the model's own order of labels */
  scores: LabelScore[]
  /** what the network read, special tokens included */
  tokens: number
  /** whether the text was longer than the network reads */
  truncated: boolean
  timings: Timings
}

export type Timings = { tokenizeMs: number; queueMs: number; inferenceMs: number }

export type ClassifyOptions = {
  activation?: Activation | undefined
  signal: AbortSignal
  /**
   * whose texts these are: only identical ones of the same name share a computation, since an answer that comes sooner than
   * it could be computed tells that somebody else has sent the text
   */
  sharedAmong?: string
  /** interactive where it is left out; background texts are bounded by themselves, and run when no other wait */
  lane?: Lane | undefined
  /** told of each text's tokens as soon as it is computed, so that what an aborted call did is known */
  onComputed?: ((tokens: number) => void) | undefined
}

export type Engine = {
  /**
   * @param options.whileServing whether requests for other models are to be answered meanwhile, at some cost in time
   * @returns what the model runs on
   */
  load(model: EngineModel, options?: { whileServing: boolean }): Promise<BackendName>
  /** Forgets a model and gives its memory back; call it when nobody waits for a text of it. */
  unload(modelId: string): Promise<void>
  /**
   * Gives back to the system what loading has left behind, as `unload` does by itself: to V8 a model is a few handles and no
   * reason to hurry. It holds the event loop for some ten milliseconds.
   */
  giveMemoryBack(): void
  /** what the weights of a model take in memory while it is loaded, told from its size */
  bytesHeld(size: ModelSize): number
  /**
   * Classifies texts with a loaded model. A text's scores depend on nothing but the text.
   *
   * @throws ValenceError `invalid_request` for more texts than may wait, `busy`, `shutting_down` or `internal`; the
   *   signal's reason where it is aborted
   */
  classify(modelId: string, inputs: readonly TextInput[], options: ClassifyOptions): Promise<Classification[]>
  /** @returns the refusal, `busy`, where nothing more can wait; it costs nothing to ask before a request is read */
  whyFull(): ValenceError | undefined
  depth(): Depth
  /** the most tokens that a loaded model reads of a text */
  maxTokensOf(modelId: string): number
  /** what a loaded model would read of a text, in tokens */
  countTokens(modelId: string, text: string): number
  /** what a loaded model runs on */
  backendOf(modelId: string): BackendName | undefined
  /** whether there is a worker that can run a text */
  canRun(): boolean
  close(): Promise<void>
}

/** How long a list of texts may hold the event loop before others get a turn. */
const SLICE_MS = 4

/**
 * The most UTF-16 units of a text that are looked at. 512 tokens of any language are a few thousand; a text that needs
 * more than this for them is spaces or combining marks, and a megabyte of those would hold the event loop for 0.1 s.
 */
const MAX_TEXT_UNITS = 65_536

/** @throws Error where the backend that is asked for is not on this machine */
export function createEngine(options: {
  backend: BackendChoice
  workers: number
  maxWaiting: number
  maxWaitingTokens: number
  onWorkerFailure: (error: Error) => void
}): Engine {
  const models = new Map<string, LoadedModel>()
  const backends = new Map<string, BackendName>()
  const batcher = createBatcher({
    maxWaiting: options.maxWaiting,
    maxWaitingTokens: options.maxWaitingTokens,
    pool: {
      canTake: (modelId) => pools.canTake(modelId),
      run: (modelId, pack) => pools.run(modelId, pack),
    },
  })
  const pools = createPools({
    backend: options.backend,
    addon: loadAddon(),
    threads: options.workers,
    onFailure: options.onWorkerFailure,
    onIdle: batcher.dispatch,
  })

  return {
    async load(model, { whileServing } = { whileServing: false }) {
      const { id, network, unread, golden, makeTokenizer, labels, activation } = model
      const [backend, tokenizer] = await Promise.allSettled([
        pools.load(id, network, { unread, golden, whileServing }),
        // The weights first: a backend has them on its way when the event loop turns.
        setImmediate().then(makeTokenizer),
      ])
      if (backend.status === 'rejected') throw backend.reason
      if (tokenizer.status === 'rejected') {
        await pools.unload(id)
        throw tokenizer.reason
      }
      backends.set(id, backend.value)
      models.set(id, { id, tokenizer: tokenizer.value, labels, activation })
      batcher.dispatch()
      return backend.value
    },
    async unload(modelId) {
      models.delete(modelId)
      backends.delete(modelId)
      await pools.unload(modelId)
    },
    giveMemoryBack: () => pools.giveMemoryBack(),
    bytesHeld: (size) => pools.bytesHeld(size),
    async classify(modelId, inputs, { activation, signal, sharedAmong = '', lane, onComputed }) {
      const model = models.get(modelId)
      if (!model) throw new Error(`the model ${modelId} is not loaded`)
      if (inputs.length > options.maxWaiting) throw tooManyTexts(inputs.length, options.maxWaiting)
      const refusal = batcher.whyFull(lane)
      if (refusal) throw refusal
      // Most requests have one text, which waits for nobody.
      const encoded =
        inputs.length === 1
          ? [encodeOne(model, inputs[0]!, sharedAmong)]
          : await encodeAll(model, inputs, sharedAmong, signal)
      const results = await batcher.submit(encoded, signal, {
        lane,
        onDone: (index) => onComputed?.(encoded[index]!.encoded.ids.length),
      })
      return results.map(({ logits, queueMs, inferenceMs }, index): Classification => {
        const { encoded: sequence, truncated, tokenizeMs } = encoded[index]!
        const scores = activate(logits, activation ?? model.activation)
        return {
          scores: scores.map((score, label) => ({ label: model.labels[label]!, score })),
          tokens: sequence.ids.length,
          truncated,
          timings: { tokenizeMs, queueMs, inferenceMs },
        }
      })
    },
    whyFull: () => batcher.whyFull(),
    depth: () => batcher.depth(),
    maxTokensOf: (modelId) => models.get(modelId)?.tokenizer.maxTokens ?? Number.POSITIVE_INFINITY,
    countTokens: (modelId, text) => encodeBounded(models.get(modelId)!.tokenizer, { text }).ids.length,
    backendOf: (modelId) => backends.get(modelId),
    canRun: () => pools.canRun(),
    async close() {
      batcher.close()
      await pools.close()
    },
  }
}

/**
 * Cuts a text as its request says.
 *
 * @throws ValenceError `invalid_request` where it must not or cannot be cut so
 */
function encodeLimited(tokenizer: Tokenizer, input: TextInput): TokenSequence {
  const { limit } = input
  if (limit === undefined) return encodeBounded(tokenizer, input)
  try {
    const encoded = encodeBounded(tokenizer, input)
    if (encoded.truncated && limit.refusesCut) throw tooLong(tokenizer.maxTokens)
    return encoded
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ValenceError('invalid_request', `The text cannot be cut as the request says: ${error.message}.`)
  }
}

/** Reads no more of a text than it may cost; what is left out counts as cut. */
function encodeBounded(tokenizer: Tokenizer, { text, pair, limit }: TextInput): TokenSequence {
  const longest = Math.max(text.length, pair?.length ?? 0)
  if (longest <= MAX_TEXT_UNITS) return tokenizer.encode(text, pair, limit)
  const kept = (whole: string) =>
    (limit?.side ?? tokenizer.truncationSide) === 'left' ? whole.slice(-MAX_TEXT_UNITS) : whole.slice(0, MAX_TEXT_UNITS)
  return { ...tokenizer.encode(kept(text), pair === undefined ? undefined : kept(pair), limit), truncated: true }
}

/** The pipeline fails with the sizes of tensors that do not match there. */
function tooLong(maxTokens: number): ValenceError {
  return new ValenceError(
    'invalid_request',
    `A text has more than the ${maxTokens} tokens that the model reads, and the request says that it must not be cut.`,
    { field: 'inputs', rule: 'too_long' },
  )
}

function tooManyTexts(count: number, most: number): ValenceError {
  return new ValenceError('invalid_request', `A request may hold at most ${most} texts; this one has ${count}.`, {
    field: 'inputs',
    rule: 'too_many',
  })
}

type Encoded = QueuedText & { truncated: boolean; tokenizeMs: number }

async function encodeAll(
  model: LoadedModel,
  inputs: readonly TextInput[],
  sharedAmong: string,
  signal: AbortSignal,
): Promise<Encoded[]> {
  const all: Encoded[] = []
  let sliceStart = performance.now()
  for (const input of inputs) {
    if (performance.now() - sliceStart > SLICE_MS) {
      await setImmediate()
      signal.throwIfAborted()
      sliceStart = performance.now()
    }
    all.push(encodeOne(model, input, sharedAmong))
  }
  return all
}

function encodeOne(model: LoadedModel, input: TextInput, sharedAmong: string): Encoded {
  const started = performance.now()
  const { ids, typeIds, truncated } = encodeLimited(model.tokenizer, input)
  return {
    modelId: model.id,
    sharedAmong,
    encoded: { ids, typeIds },
    truncated,
    tokenizeMs: performance.now() - started,
  }
}
