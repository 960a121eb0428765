import { setTimeout as sleep } from 'node:timers/promises'
import { readModelFolder } from '../../src/convert/model-folder.ts'
import { onnxModel } from '../../src/engine/onnx/graph.ts'
import { loadRuntime, runOnce, SESSION_OPTIONS } from './runtime.ts'

/**
 * A child process that times the embedded network in one version: `speed.ts <folder>`. For each message `{tokens,
 * runs}` it sends back the milliseconds of each run, so that the parent can take turns between versions.
 */
export type SpeedRequest = { tokens: number; runs: number }
/** `cpuMs` is this thread's own time, which another program on the machine does not lengthen. */
export type SpeedReply = { wallMs: number; cpuMs: number }[]

const runtime = loadRuntime(process.argv[2]!)
const { network } = readModelFolder('models/minilm-sst-2-int8')
const session = await runtime.InferenceSession.create(onnxModel(network, 'int8'), SESSION_OPTIONS)

async function timeOne(tokens: number): Promise<SpeedReply[number]> {
  const cpuBefore = process.threadCpuUsage()
  const started = performance.now()
  await runOnce(runtime, session, tokens)
  const wallMs = performance.now() - started
  const { user, system } = process.threadCpuUsage(cpuBefore)
  return { wallMs, cpuMs: (user + system) / 1000 }
}

async function timeSome({ tokens, runs }: SpeedRequest): Promise<void> {
  const times: SpeedReply = []
  for (let run = 0; run < runs; run++) times.push(await timeOne(tokens))
  process.send!(times)
}

process.on('message', (request: SpeedRequest) => void timeSome(request))
for (let run = 0; run < 5; run++) await runOnce(runtime, session, 512)
await sleep(100)
process.send!('ready')
