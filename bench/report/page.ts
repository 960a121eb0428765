import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GATE } from '../accuracy.ts'
import { vectorPeaks } from '../roof/measure.ts'
import { barChart } from './plot.ts'
import { type Cell, CLIENTS, type CompetitorResults, type Mode, type ModelResults, type Results } from './results.ts'
import { type Spread, spreadOf } from './statistics.ts'

const PAGE = 'benchmarks.md'

/**
 * Writes benchmarks.md and its plots into a folder.
 *
 * @returns the page's path
 */
export function writePage(results: Results, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const plots = results.models.map((model) => {
    const name = `benchmarks-${model.name}.svg`
    writeFileSync(join(folder, name), plotOf(model, results))
    return name
  })
  const page = join(folder, PAGE)
  writeFileSync(page, pageOf(results, plots))
  return page
}

/** The page as Markdown; `plots` names one picture a model. */
export function pageOf(results: Results, plots: readonly string[]): string {
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench`, all in one run on one machine; do not edit. How to read it stands below the figures.',
    '',
    ...(results.quick ? ['**A quick run, to see that the bench works: these figures mean nothing.**', ''] : []),
    ...machineLines(results),
    '',
    ...roofLines(results),
    '',
    ...results.models.flatMap((model, index) => modelLines(model, plots[index]!)),
    ...howToRead(results),
    '',
  ].join('\n')
}

function machineLines({ machine, rounds, secondsARound, realTexts }: Results): string[] {
  const busy = machine.loadBefore > 0.3 ? ': **other work was running**' : ''
  return table(
    ['', ''],
    [
      ['date, commit', `${machine.date} UTC, ${machine.commit}`],
      ['CPU', `${machine.cpu}, ${machine.cores} cores; ${machine.flags.join(', ')}`],
      ['memory, system', `${machine.memoryGiB} GiB, ${machine.kernel}`],
      ['Node, compiler', `${machine.node}, ${machine.compiler ?? 'no g++'}`],
      ['load before the run', `${machine.loadBefore.toFixed(2)}${busy}`],
      [
        'rounds',
        `${rounds} of ${secondsARound} s for each figure, interleaved over all libraries, after one that warms up`,
      ],
      [
        'texts',
        realTexts ? 'SST-2 and IMDB reviews' : 'made-up sentences: SST-2 and the reviews were not on this machine',
      ],
    ],
  )
}

function roofLines({ models, roofMissing }: Results): string[] {
  const roof = models.flatMap((model) => model.roof)
  if (roof.length === 0) return [`The machine's INT8 peak was not measured: ${roofMissing ?? 'no round was run'}.`]
  const rows = (Object.keys(roof[0]!) as (keyof (typeof roof)[0])[]).map((instruction) => {
    const measured = roof.map((round) => round[instruction]).filter((figures) => figures !== null)
    if (measured.length === 0) return [`\`${instruction}\``, 'not on this machine', '']
    const giga = (of: 'oneCore' | 'allCores') => spread(spreadOf(measured.map((figures) => figures[of] / 1e9)))
    return [`\`${instruction}\``, giga('oneCore'), giga('allCores')]
  })
  return [
    '## The roof',
    '',
    'How many INT8 multiply-accumulates the machine can do at most, measured in every round by a loop that does nothing else (`bench/roof/peak.cpp`), in ' +
      'GMAC/s. Shares of the roof are shares of the widest vector instruction on all cores as it was at the beginning of their round, the median of the rounds. `tdpbusd` is AMX, which libraries may use or not: one that ' +
      'does can be above 100%.',
    '',
    ...table(['instruction', 'one core', 'all cores'], rows),
  ]
}

function modelLines(model: ModelResults, plot: string): string[] {
  const peaks = vectorPeaks(model.roof)
  const timed = model.competitors.filter(({ skipped }) => skipped === undefined)
  const skipped = model.competitors.filter((competitor) => competitor.skipped !== undefined)
  return [
    `## ${model.title}`,
    '',
    `![Texts a second of each library, ${model.title}](${plot})`,
    '',
    ...accuracyLines(timed),
    '',
    ...model.workloads.flatMap((workload) => [
      `### ${sentenceCase(workload.title)}`,
      '',
      `${workload.texts} texts of ${workload.meanTokens.toFixed(1)} tokens and ${(workload.macs / 1e9).toFixed(3)} GMAC in the mean; ` +
        `${percent(workload.linearMacs / workload.macs)} of it is in the products with weights, the rest is attention. ` +
        `Valence’s kernels carry out ${percent(workload.kernelMacs / workload.macs)} of it.`,
      '',
      ...throughputTable(timed, workload.name, peaks),
      '',
      ...latencyTable(timed, workload.name),
      '',
    ]),
    ...(skipped.length > 0 ? ['Not measured:', ''] : []),
    ...skipped.map(({ title, skipped: reason }) => `- ${title}: ${reason}`),
    ...(skipped.length > 0 ? [''] : []),
  ]
}

function accuracyLines(competitors: CompetitorResults[]): string[] {
  const withDev = competitors.some(({ accuracy }) => accuracy?.devAccuracy !== undefined)
  const rows = competitors.map(({ title, accuracy }) => {
    if (!accuracy) return [title]
    return [
      `${title}${accuracy.passes ? '' : ' ✗'}`,
      accuracy.correlation.toFixed(4),
      percent(accuracy.labelAgreement),
      accuracy.meanScoreDifference.toFixed(4),
      accuracy.largestScoreDifference.toFixed(3),
      ...(withDev ? [accuracy.devAccuracy?.toFixed(4) ?? ''] : []),
    ]
  })
  const columns = ['correlation', 'same label', 'mean difference', 'largest']
  return [
    'Against torch in fp32 on the same checkpoint, over the texts of the gate:',
    '',
    ...table(['accuracy', ...columns, ...(withDev ? ['SST-2 dev'] : [])], rows),
  ]
}

const MODE_TITLES: Record<Mode, string> = {
  one: 'one at a time',
  batches: 'in batches',
  http1: 'HTTP, 1 client',
  http8: '8 clients',
  http32: '32 clients',
}

function throughputTable(competitors: CompetitorResults[], workload: string, peaks: readonly number[]): string[] {
  const modes = modesIn(competitors, workload)
  const rows = competitors.map((competitor) => [
    marked(competitor),
    ...modes.map((mode) => throughputOf(cellOf(competitor, workload, mode), peaks)),
  ])
  return table(['texts/s (share of the roof)', ...modes.map((mode) => MODE_TITLES[mode])], rows)
}

function throughputOf(cell: Cell | undefined, peaks: readonly number[]): string {
  if (!cell) return '–'
  if (cell.failed !== undefined) return 'failed'
  if (cell.rounds.length === 0) return '–'
  const texts = spread(spreadOf(cell.rounds.map(({ textsPerSecond }) => textsPerSecond)))
  const share = peaks.length === 0 ? '' : ` (${shareOfRoof(cell, peaks)})`
  const failures = cell.rounds.some((round) => round.failures !== undefined) ? ' †' : ''
  return `${texts}${share}${failures}`
}

/** @param peaks one a round */
function shareOfRoof({ rounds }: Cell, peaks: readonly number[]): string {
  return percent(spreadOf(rounds.map(({ macsPerSecond }, round) => macsPerSecond / peaks[round]!)).median)
}

function latencyTable(competitors: CompetitorResults[], workload: string): string[] {
  const modes = modesIn(competitors, workload).filter((mode) => mode !== 'batches')
  const rows = competitors.map((competitor) => [
    marked(competitor),
    ...modes.map((mode) => latencyOf(cellOf(competitor, workload, mode))),
  ])
  return table(['latency, ms: p50; p99', ...modes.map((mode) => MODE_TITLES[mode])], rows)
}

function latencyOf(cell: Cell | undefined): string {
  const rounds = cell?.rounds.filter(({ p50Ms }) => p50Ms !== undefined) ?? []
  if (rounds.length === 0) return '–'
  const of = (figure: 'p50Ms' | 'p99Ms') => spread(spreadOf(rounds.map((round) => round[figure]!)))
  return `${of('p50Ms')}; ${of('p99Ms')}`
}

function cellOf({ cells }: CompetitorResults, workload: string, mode: Mode): Cell | undefined {
  return cells.find((cell) => cell.workload === workload && cell.mode === mode)
}

function modesIn(competitors: CompetitorResults[], workload: string): Mode[] {
  const modes = competitors.flatMap(({ cells }) => cells.filter((cell) => cell.workload === workload))
  return [...new Set(modes.map(({ mode }) => mode))]
}

function marked({ title, accuracy }: CompetitorResults): string {
  return accuracy && !accuracy.passes ? `${title} ✗` : title
}

function howToRead({ models }: Results): string[] {
  const competitors = models[0]?.competitors ?? []
  return [
    '## How to read it',
    '',
    '- A figure is the **median of the rounds**, with the least and the most in brackets. A round is every workload, mode and library once; while one is ' +
      'measured, the others are stopped (SIGSTOP).',
    '- **The DistilBERT has random weights**: its shape and vocabulary are the real ones, its numbers are made up (normal, deviation 0.04), because no ' +
      'model hub can be reached from where this runs. Speed does not depend on what the weights are; its labels mean nothing, and what INT8 costs in ' +
      'accuracy on trained weights is to be read from the embedded model. For the other libraries the embedded model’s INT8 weights are multiplied out ' +
      'to fp32 and quantised again by each library in its own way; Valence runs them as they are.',
    `- **The gate**: a library is marked ✗ where its margins between the labels correlate with torch’s fp32 by less than ${GATE.correlation} or fewer ` +
      `than ${percent(GATE.labelAgreement)} of the labels are the same, on 200 texts, each by itself.`,
    '- **One at a time** and **in batches** are calls in the library’s own process, texts in, scores out, tokenising included. Batches are 32 texts of ' +
      'similar length, at most 4,096 tokens with padding; every library gets the same ones. Valence gets four of them at once, as its queue takes texts ' +
      'while others are computed; OpenVINO as many as it asks for; the others have no such queue.',
    '- **Forward pass alone** is what Valence’s kernels do with texts that were tokenised before, without queue, engine and HTTP: how near the kernels ' +
      'themselves come to the roof, not a library to compare with.',
    '- **HTTP** has one text a request, from a closed loop of clients on kept-alive connections in one other process on the same machine, the same for ' +
      'all (`bench/load/`). A library without a server gets the thinnest one of its language. † marks figures with requests that failed.',
    '- **Shares of the roof** count what the model needs for an answer, with the last layer for [CLS] only (`bench/roof/macs.ts`), whether or not a library spares itself ' +
      'the rest: padding and work for nothing lower its share. The count is the same for all. Valence’s kernels never make the last layer’s keys and values ' +
      '(`native/first-token.hpp`), which counts as done: the shares of what they carry out are lower by the part that each workload says.',
    '',
    '### Settings',
    '',
    ...competitors.map(({ title, settings, versions }) => {
      const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
      return `- **${title}**${list.length > 0 ? ` (${list.join(', ')})` : ''}: ${settings}`
    }),
  ]
}

function plotOf(model: ModelResults, { quick }: Results): string {
  const peaks = vectorPeaks(model.roof)
  const workload = model.workloads[0]!
  const modes = modesIn(model.competitors, workload.name).filter((mode) => CLIENTS[mode] !== undefined)
  const mode = modes.at(-1) ?? 'batches'
  const bars = model.competitors.flatMap((competitor) => {
    const cell = cellOf(competitor, workload.name, mode)
    if (!cell || cell.rounds.length === 0) return []
    return [
      {
        label: marked(competitor),
        ours: competitor.id.startsWith('valence'),
        value: spreadOf(cell.rounds.map(({ textsPerSecond }) => textsPerSecond)),
        note: peaks.length === 0 ? '' : `${shareOfRoof(cell, peaks)} of the roof`,
      },
    ]
  })
  const clients = CLIENTS[mode]
  const how = clients === undefined ? 'in batches' : `${clients} ${clients === 1 ? 'client' : 'clients'} over HTTP`
  return barChart({
    title: `${sentenceCase(workload.title)}, ${how}: texts a second`,
    subtitle: quick ? `${model.title}; a quick run, which means nothing` : model.title,
    bars,
  })
}

function table(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${head.map((_, column) => cells[column] ?? '').join(' | ')} |`
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)]
}

function spread({ median, least, most }: Spread): string {
  return least === most ? figure(median) : `${figure(median)} [${figure(least)}–${figure(most)}]`
}

/** Three digits that say something, and no more. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toPrecision(3)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.995 || share === 1 || share > 1.005 ? 0 : 1)}%`
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
