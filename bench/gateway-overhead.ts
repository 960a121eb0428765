import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runLoad } from './load/run.ts'
import { createProgress } from './report/progress.ts'
import { spreadOf } from './report/statistics.ts'

/**
 * What keys, limits and metering cost a request in CPU time at 32 clients:
 *
 *   node bench/gateway-overhead.ts [--rounds 9] [--seconds 3]
 *
 * Two servers, with accounts and without, are measured in turn. Their answers come from the cache, so that the network's work
 * hides nothing; the time is that of the whole process, with the store that it embeds and its journal. With DATABASE_URL the
 * store is that PostgreSQL, whose own time is not counted.
 */
const CLIENTS = 32
const WARM_UP = -1
const SUBJECT = fileURLToPath(new URL('subjects/gateway-server.ts', import.meta.url))

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '3' } },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

type Subject = { child: ChildProcess; url: string; key: string }
type Figures = { cpuMs: number; requestsPerSecond: number }

const servers = { without: await start('without'), with: await start('with') }
const figures: Record<keyof typeof servers, Figures[]> = { without: [], with: [] }
const progress = createProgress(rounds + 1)
try {
  for (let round = WARM_UP; round < rounds; round++) {
    progress.step(round === WARM_UP ? 'warming up' : `round ${round + 1}`)
    // Each goes first every other time.
    const order = round % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const)
    for (const name of order) {
      const measured = await measure(servers[name])
      if (round !== WARM_UP) figures[name].push(measured)
    }
  }
  progress.end()
  const of = (name: keyof typeof servers, figure: keyof Figures) => figures[name].map((each) => each[figure])
  const added = of('with', 'cpuMs').map((cpuMs, round) => cpuMs - figures.without[round]!.cpuMs)
  console.table({
    'without accounts, ms of CPU a request': spreadOf(of('without', 'cpuMs')),
    'with keys, limits and metering, ms of CPU a request': spreadOf(of('with', 'cpuMs')),
    'added, ms of CPU a request': spreadOf(added),
    'without accounts, requests/s': spreadOf(of('without', 'requestsPerSecond')),
    'with keys, limits and metering, requests/s': spreadOf(of('with', 'requestsPerSecond')),
  })
} finally {
  for (const { child } of Object.values(servers)) child.disconnect()
}

async function start(which: 'with' | 'without'): Promise<Subject> {
  const child = fork(SUBJECT, [which])
  const [{ url, key }] = (await once(child, 'message')) as [{ url: string; key: string }]
  return { child, url, key }
}

async function cpuMsOf({ child }: Subject): Promise<number> {
  child.send('cpu')
  const [{ cpuMs }] = (await once(child, 'message')) as [{ cpuMs: number }]
  return cpuMs
}

async function measure(subject: Subject): Promise<Figures> {
  const before = await cpuMsOf(subject)
  const { answered, elapsedMs, failures } = await runLoad({
    url: subject.url,
    request: { path: '/models/huggingface/distilbert-sst-2-int8', body: 'huggingface' },
    headers: [`authorization: Bearer ${subject.key}`],
    texts: ['The plot is thin and the jokes are old.'],
    start: 0,
    seconds,
    arrivals: { clients: CLIENTS },
  })
  if (Object.keys(failures).length > 0) throw new Error(`other answers: ${JSON.stringify(failures)}`)
  return {
    cpuMs: ((await cpuMsOf(subject)) - before) / answered,
    requestsPerSecond: (answered / elapsedMs) * 1000,
  }
}
