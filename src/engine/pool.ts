import { Worker } from 'node:worker_threads'
import type { EncodedText, PackAnswer } from './backend.ts'
import type { Network, OnnxFile, Unread } from './network.ts'
import type { FromWorker, ToWorker, WorkerRequest } from './protocol.ts'

/**
 * Worker threads, each with every model loaded and one pack at a time.
 *
 * A worker is starting → idle ⇄ busy → gone. One that dies takes its pack with it (the pack's promise rejects); after a
 * pause another is started in its place with the same models.
 */
export type Pool<Model = Network | OnnxFile> = {
  /**
   * @param options.whileServing one worker loads at a time and gets no packs meanwhile, so that the others answer; else all load
   *   at once
   * @param options.unread what of the model is not read yet
   * @throws Error that names the file and what is wrong with it, where the rest cannot be read
   */
  load(modelId: string, model: Model, options?: { whileServing?: boolean; unread?: Unread | undefined }): Promise<void>
  /** Forgets a model, and gives its memory back as far as it is in hand. */
  unload(modelId: string): Promise<void>
  /** whether a worker is there that has started */
  canRun(): boolean
  /** how many more packs may be given now */
  idle(): number
  /** Runs a pack on an idle worker; call it only while `idle()` is not 0. */
  run(modelId: string, pack: EncodedText[]): Promise<PackAnswer[]>
  /** Resolves when every worker has finished its pack and ended; what was asked of them is rejected. */
  close(): Promise<void>
}

/** Long enough that a fault which is there every time costs nothing, short enough that a rare one is hardly seen. */
const RESTART_MS = 1000

type Member = {
  worker: Worker
  state: 'starting' | 'idle' | 'busy'
  /** whether it is getting another model, which takes its thread for a second or so */
  loading: boolean
  /** requests sent and not answered, by id */
  pending: Map<number, { resolve: (reply: FromWorker) => void; reject: (error: Error) => void }>
}

/**
 * @param onFailure told when a worker died; it is started anew
 * @param onIdle told when a worker has become free
 */
export function createPool(
  size: number,
  { onFailure, onIdle }: { onFailure: (error: Error) => void; onIdle: () => void },
): Pool {
  const networks = new Map<string, Network | OnnxFile>()
  const members = new Set<Member>()
  let nextId = 0
  let closing = false

  function ask(member: Member, request: WorkerRequest): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      member.pending.set(request.id, { resolve, reject })
      member.worker.postMessage(request)
    })
  }

  function spawn(): Member {
    const member: Member = {
      worker: new Worker(new URL('./worker.ts', import.meta.url)),
      state: 'starting',
      loading: false,
      pending: new Map(),
    }
    members.add(member)
    let failure = new Error('a worker thread stopped')
    member.worker.on('message', (reply: FromWorker) => {
      const waiting = member.pending.get(reply.id)
      member.pending.delete(reply.id)
      if (reply.type === 'failed') waiting?.reject(new Error(reply.message))
      else waiting?.resolve(reply)
    })
    member.worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    member.worker.on('exit', () => gone(member, failure))
    return member
  }

  function gone(member: Member, failure: Error): void {
    members.delete(member)
    for (const { reject } of member.pending.values()) reject(failure)
    if (closing) return
    onFailure(failure)
    // What it failed of, `gone` or `start` has told already.
    setTimeout(() => {
      if (!closing) start().catch(() => {})
    }, RESTART_MS).unref()
  }

  async function setAside(member: Member, work: (member: Member) => Promise<unknown>): Promise<void> {
    member.loading = true
    try {
      await work(member)
    } finally {
      member.loading = false
      if (members.has(member)) onIdle()
    }
  }

  async function start(): Promise<void> {
    const member = spawn()
    try {
      for (const [modelId, network] of networks) await ask(member, { type: 'load', id: nextId++, modelId, network })
    } catch (error) {
      // Ended here, it goes the way of a worker that died.
      member.worker.postMessage({ type: 'stop' } satisfies ToWorker)
      throw error
    }
    member.state = 'idle'
    onIdle()
  }

  const firstStart = Promise.all(Array.from({ length: size }, start))
  // Whoever calls `load` hears of a failure; before that nobody listens, and that must not end the process.
  firstStart.catch(() => {})

  return {
    async load(modelId, network, { whileServing = false, unread } = {}) {
      unread?.read()
      await firstStart
      networks.set(modelId, network)
      const loadInto = (member: Member) => ask(member, { type: 'load', id: nextId++, modelId, network })
      try {
        if (whileServing) for (const member of members) await setAside(member, loadInto)
        else await Promise.all([...members].map(loadInto))
      } catch (error) {
        // What one worker could not load must not end those that are started later.
        networks.delete(modelId)
        throw error
      }
    },
    async unload(modelId) {
      networks.delete(modelId)
      // One that dies meanwhile takes its copy with it.
      await Promise.allSettled([...members].map((member) => ask(member, { type: 'unload', id: nextId++, modelId })))
    },
    canRun: () => [...members].some((member) => member.state !== 'starting'),
    idle: () => [...members].filter(isFree).length,
    async run(modelId, pack) {
      const member = [...members].find(isFree)
      if (!member) throw new Error('no worker is idle')
      member.state = 'busy'
      try {
        const reply = await ask(member, { type: 'run', id: nextId++, modelId, pack })
        if (reply.type !== 'answers') throw new Error(`a worker answered ${reply.type}`)
        return reply.answers
      } finally {
        member.state = 'idle'
        if (members.has(member)) onIdle()
      }
    },
    async close() {
      closing = true
      await Promise.all([...members].map(stop))
    },
  }
}

function isFree({ state, loading }: Member): boolean {
  return state === 'idle' && !loading
}

/**
 * Lets a worker end by itself, after the pack that it runs. Terminating it within ONNX Runtime aborts the whole process,
 * in every version from 1.20 to 1.30 (bench/soak).
 */
async function stop({ worker }: Member): Promise<void> {
  worker.postMessage({ type: 'stop' } satisfies ToWorker)
  await new Promise((resolve) => worker.once('exit', resolve))
}
