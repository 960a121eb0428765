/* oxlint-disable unicorn/no-useless-spread -- a list in rows is read more easily than one with a line an item */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { onnxModel } from '../../src/engine/onnx/graph.ts'
import { createModelFile } from '../../src/engine/onnx/model-file.ts'
import { madeUpNetwork } from './network.ts'
import type { Sample } from './regression.ts'
import { loadRuntime, type Runtime, runOnce, SESSION_OPTIONS } from './runtime.ts'

/** What a probe measures, in a worker thread as the engine has them. */
export type ThreadJob =
  | { probe: 'calls'; folder: string; lengths: keyof typeof LENGTHS; calls: number; seconds: number }
  | { probe: 'sessions'; folder: string; cycles: number }
  | { probe: 'end'; folder: string; how: Ending }
  | { probe: 'optimizers'; folder: string; scratch: string }

/** How threads end: terminated in the middle of a run, or while they wait; with the process; or when they are told to. */
export type Ending = 'terminate busy' | 'terminate idle' | 'exit while busy' | 'ask'

export type CallsReport = { samples: Sample[]; calls: number; callsPerSecond: number }
export type SessionsReport = { samples: Sample[] }
/** For each spelling of the option, the operators that are left in the optimised graph. */
export type OptimizersReport = Record<string, string[]>

const TOKENS = 8
const LONGEST = 512
/** How many tokens a call has: leaks are reported that show only where the shape changes from call to call. */
const LENGTHS = {
  fixed: () => TOKENS,
  varied: (call: number) => 2 + ((call * 37) % 127),
}
const CALLS_BETWEEN_SAMPLES = 1000
/** Memory that a runtime takes once, such as its arenas and compiled code, is no leak. */
const WARM_UP_CALLS = 5000
const WARM_UP_CYCLES = 20

const smallModel = () => onnxModel(madeUpNetwork({ layers: 2, hidden: 64 }), 'int8')

function memoryNow(): number {
  // Garbage that waits to be collected would hide a small leak, and look like a large one.
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

async function probeCalls(runtime: Runtime, job: ThreadJob & { probe: 'calls' }): Promise<CallsReport> {
  const lengthOf = LENGTHS[job.lengths]
  const session = await runtime.InferenceSession.create(smallModel(), SESSION_OPTIONS)
  for (let call = 0; call < WARM_UP_CALLS; call++) await runOnce(runtime, session, lengthOf(call))
  const samples: Sample[] = [{ calls: 0, bytes: memoryNow() }]
  const started = performance.now()
  let calls = 0
  let busyMs = 0
  while (calls < job.calls && performance.now() - started < job.seconds * 1000) {
    const sliceStarted = performance.now()
    for (let call = 0; call < CALLS_BETWEEN_SAMPLES; call++) await runOnce(runtime, session, lengthOf(call))
    busyMs += performance.now() - sliceStarted
    calls += CALLS_BETWEEN_SAMPLES
    samples.push({ calls, bytes: memoryNow() })
  }
  return { samples, calls, callsPerSecond: calls / (busyMs / 1000) }
}

async function probeSessions(runtime: Runtime, cycles: number): Promise<SessionsReport> {
  const model = smallModel()
  const samples: Sample[] = []
  for (let cycle = 0; cycle < WARM_UP_CYCLES + cycles; cycle++) {
    const session = await runtime.InferenceSession.create(model, SESSION_OPTIONS)
    await runOnce(runtime, session, TOKENS)
    await session.release()
    if (cycle >= WARM_UP_CYCLES) samples.push({ calls: cycle, bytes: memoryNow() })
  }
  return { samples }
}

/** Computes long texts until it is told to stop or is stopped; an idle one computes a single text and waits. */
async function runUntilEnded(runtime: Runtime, how: Ending): Promise<void> {
  const model = onnxModel(madeUpNetwork({ layers: 4, hidden: 256 }), 'int8')
  const session = await runtime.InferenceSession.create(model, SESSION_OPTIONS)
  let told = false
  parentPort!.once('message', () => {
    told = true
  })
  await runOnce(runtime, session, LONGEST)
  parentPort!.postMessage('ready')
  if (how === 'terminate idle') return
  // oxlint-disable-next-line no-unmodified-loop-condition -- the message above changes it
  while (!told) await runOnce(runtime, session, LONGEST)
  parentPort!.close()
}

const NO_EXTRA = { ...SESSION_OPTIONS, extra: {} }
const SPELLINGS = {
  none: NO_EXTRA,
  nested: SESSION_OPTIONS,
  dotted: { ...SESSION_OPTIONS, extra: { 'optimization.disable_specified_optimizers': 'SkipLayerNormFusion' } },
}
const OPERATORS = [
  ...['SkipLayerNormalization', 'LayerNormalization', 'MatMulIntegerToFloat', 'DynamicQuantizeMatMul', 'MatMulInteger'],
  ...['QuickGelu', 'BiasGelu', 'FastGelu', 'Gelu', 'FusedMatMul', 'FusedGemm', 'BiasSoftmax', 'QAttention'],
  ...['MultiHeadAttention', 'Attention', 'EmbedLayerNormalization', 'QuantizeLinear'],
]

/** Two tensors that are added and normalised, in three dimensions: the fusion in question leaves others alone. */
function fusibleModel(): Uint8Array {
  const file = createModelFile()
  const sum = file.node('Add', [file.input('a', 'float32', [1, 4, 64]), file.input('b', 'float32', [1, 4, 64])])
  const weights = () => file.constant('float32', [64], new Float32Array(64).fill(1))
  return file.finish(file.node('LayerNormalization', [sum, weights(), weights()]), 'logits', 'float32', [1, 4, 64])
}

async function probeOptimizers(runtime: Runtime, scratch: string): Promise<OptimizersReport> {
  const report: OptimizersReport = {}
  for (const [kind, model] of Object.entries({ fusible: fusibleModel(), ours: smallModel() })) {
    for (const [spelling, options] of Object.entries(SPELLINGS)) {
      const file = join(scratch, `${kind}-${spelling}.onnx`)
      rmSync(file, { force: true })
      const session = await runtime.InferenceSession.create(model, {
        ...options,
        graphOptimizationLevel: 'all',
        optimizedModelFilePath: file,
      })
      await session.release()
      report[`${kind}, ${spelling}`] = operatorsIn(file)
    }
  }
  return report
}

/** An operator's name stands in the file as a string of its own length, so that no name is found inside another. */
function operatorsIn(file: string): string[] {
  if (!existsSync(file)) return ['(no file written)']
  const bytes = readFileSync(file, 'latin1')
  return OPERATORS.filter((name) => bytes.includes(`\x22${String.fromCharCode(name.length)}${name}`))
}

async function work(job: ThreadJob): Promise<void> {
  const runtime = loadRuntime(job.folder)
  if (job.probe === 'calls') parentPort!.postMessage(await probeCalls(runtime, job))
  if (job.probe === 'sessions') parentPort!.postMessage(await probeSessions(runtime, job.cycles))
  if (job.probe === 'optimizers') parentPort!.postMessage(await probeOptimizers(runtime, job.scratch))
  if (job.probe === 'end') await runUntilEnded(runtime, job.how)
}

await work(workerData as ThreadJob)
