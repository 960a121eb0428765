import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { prepareModels } from './prepare.ts'
import { describeMachine } from './report/machine.ts'
import { writePage } from './report/page.ts'
import { createProgress, type Progress } from './report/progress.ts'
import { MODES, type Results } from './report/results.ts'
import { compileRoof, type Roof } from './roof/measure.ts'
import { type Plan, runModel } from './side-by-side.ts'
import { COMPETITORS, MODELS } from './subjects/competitors.ts'
import { hasRealTexts, WORKLOADS } from './work/workloads.ts'

/**
 * Measures Valence and other libraries side by side, and writes docs/benchmarks.md with its plot:
 *
 *   npm run bench -- [--quick] [--rounds 7] [--seconds 3] [--models …] [--workloads …] [--modes …] [--only …] [--json]
 *   npm run bench -- --render bench/out/<a run>.json
 *
 * --quick has one short round, and writes beside its JSON in bench/out instead. Lists are separated by commas; what one may
 * name is said where a name is wrong. bench/peers/setup.sh installs the other libraries; what is not there is skipped in a line.
 */
const OUT = fileURLToPath(new URL('out/', import.meta.url))
const DOCS = fileURLToPath(new URL('../docs/', import.meta.url))
const LOAD_THAT_SPOILS = 0.3
/** A server runs for days; one written in a language that compiles as it goes takes some seconds of requests to be as fast as it gets. */
const SERVER_WARM_UP_SECONDS = 6

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    models: { type: 'string' },
    workloads: { type: 'string' },
    modes: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    render: { type: 'string' },
  },
})

if (values.render === undefined) await runAll()
else render(JSON.parse(readFileSync(values.render, 'utf8')) as Results)

async function runAll(): Promise<void> {
  const { quick } = values
  const rounds = Number(values.rounds ?? (quick ? 1 : 7))
  const seconds = Number(values.seconds ?? (quick ? 0.5 : 3))
  const models = chosen(MODELS, ({ name }) => name, values.models, 'models')
  const workloads = chosen(WORKLOADS, (name) => name, values.workloads, 'workloads')
  const modes = chosen(MODES, (mode) => mode, values.modes, 'modes')
  const competitors = chosen(COMPETITORS, ({ id }) => id, values.only, 'only')
  const machine = describeMachine()
  const texts = prepareModels()
  const measureRoof = await compileRoof()
  const steps = models.length * competitors.length * (1 + (rounds + 1) * workloads.length * modes.length)
  const progress = createProgress(steps)
  warn(progress, machine.loadBefore, measureRoof)
  const plan: Plan = {
    competitors,
    workloads: workloads.map((name) => texts.get(name)!),
    modes,
    rounds,
    seconds,
    warmUpSeconds: Math.min(seconds, 1),
    serverWarmUpSeconds: quick ? seconds : SERVER_WARM_UP_SECONDS,
    measureRoof: typeof measureRoof === 'string' ? undefined : measureRoof,
  }
  const results: Results = {
    machine,
    rounds,
    secondsARound: seconds,
    quick,
    realTexts: hasRealTexts(),
    ...(typeof measureRoof === 'string' && { roofMissing: measureRoof }),
    models: [],
  }
  for (const model of models) {
    results.models.push(await runModel(model, plan, progress))
  }
  progress.end()
  keep(results)
}

function warn(progress: Progress, loadBefore: number, roof: string | (() => Promise<Roof>)): void {
  if (typeof roof === 'string') progress.note(`no roof: ${roof}`)
  if (!hasRealTexts())
    progress.note('skipped SST-2 and the reviews: ../shared/data is not there; made-up texts stand in')
  if (loadBefore > LOAD_THAT_SPOILS) {
    progress.note(`warning: this machine is busy (load ${loadBefore.toFixed(1)}); figures taken now mean little`)
  }
}

function keep(results: Results): void {
  const file = join(OUT, `bench-${results.machine.date.replace(/\D/g, '')}.json`)
  mkdirSync(OUT, { recursive: true })
  writeFileSync(file, JSON.stringify(results))
  if (values.json) console.log(JSON.stringify(results))
  process.stderr.write(`raw figures: ${file}\n`)
  render(results)
}

function render(results: Results): void {
  const page = writePage(results, results.quick ? OUT : DOCS)
  process.stderr.write(`page: ${page}\n`)
}

/** @throws Error that names all there are, for a name that is none of them */
function chosen<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  list: string | undefined,
  flag: string,
): readonly T[] {
  if (list === undefined) return all
  return list.split(',').map((name) => {
    const found = all.find((item) => nameOf(item) === name)
    if (found === undefined) throw new Error(`--${flag}: there is no ${name}; there are ${all.map(nameOf).join(', ')}`)
    return found
  })
}
