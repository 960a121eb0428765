import { FEATURES, type Feature, type Shown } from './features.ts'

/** A test as the run left it. */
export type Ended = { file: string; name: string; state: 'passed' | 'failed' | 'skipped' | 'pending' }

export type Result = 'passes' | 'fails' | 'skipped' | 'has no test' | 'not run'

const ROW_END = /\| (passes|fails|skipped|has no test|not run) \|$/

const HEAD = `# Compatibility

Each documented feature of the three hosted APIs, the tests that show it, and what came of them. \`npm run compatibility\` runs the tests and writes this page; every
whole run of the tests checks that it is true. \`test/compatibility/features.ts\` is the list.
`

/**
 * Writes the page.
 *
 * @param before the page as it was: what this run had no tests of stays
 */
export function pageOf(tests: readonly Ended[], before: string): string {
  const sections = Object.entries(FEATURES).map(([api, features]) => {
    const rows = features.map((feature) => rowOf(feature, resultOf(feature, tests) ?? resultIn(before, feature)))
    return `\n## ${api}\n\n| feature | shown by | result |\n| --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return HEAD + sections.join('')
}

/** The files whose tests the page tells of. */
export function filesOfPage(): string[] {
  return [...new Set(allFeatures().flatMap(({ shownBy }) => shownBy.map(({ file }) => file)))].toSorted()
}

/**
 * What is wrong with a page after a run; what this machine had to skip counts as it was.
 *
 * @returns sentences, none where the page is current
 */
export function complaintsAbout(page: string, tests: readonly Ended[]): string[] {
  const lines = new Set(page.split('\n'))
  const results = allFeatures().map((feature) => ({ feature, result: resultOf(feature, tests) }))
  const complaints = results.flatMap(({ feature, result }) => {
    if (result === 'fails' || result === 'has no test') return [`${feature.feature}: ${result}`]
    if (result === undefined) return [`${feature.feature}: not run`]
    const isThere =
      lines.has(rowOf(feature, 'passes')) || (result === 'skipped' && lines.has(rowOf(feature, 'skipped')))
    return isThere ? [] : [`${feature.feature}: the page does not say so`]
  })
  const rows = [...lines].filter((line) => ROW_END.test(line)).length
  if (rows !== results.length) complaints.push(`the page has ${rows} features, and the list ${results.length}`)
  return complaints
}

function allFeatures(): Feature[] {
  return Object.values(FEATURES).flat()
}

/**
 * A feature is shown by all its tests; one that is skipped where others pass is for the machines that have what it needs.
 *
 * @returns undefined where a file of its tests was not run
 */
function resultOf({ shownBy }: Feature, tests: readonly Ended[]): Result | undefined {
  if (!shownBy.every((shown) => tests.some(({ file }) => file === shown.file))) return undefined
  const matches = shownBy.map((shown) => tests.filter((test) => isShownBy(test, shown)))
  if (matches.some((found) => found.length === 0)) return 'has no test'
  const states = new Set(matches.flat().map(({ state }) => state))
  if (states.has('failed') || states.has('pending')) return 'fails'
  return states.has('passed') ? 'passes' : 'skipped'
}

function resultIn(page: string, feature: Feature): Result {
  const start = rowOf(feature, 'not run').replace(ROW_END, '')
  const row = page.split('\n').find((line) => line.startsWith(start) && ROW_END.test(line))
  return (ROW_END.exec(row ?? '')?.[1] as Result | undefined) ?? 'not run'
}

function isShownBy({ file, name }: Ended, { file: shownIn, named = '' }: Shown): boolean {
  return file === shownIn && name.includes(named)
}

function rowOf({ feature, shownBy }: Feature, result: Result): string {
  const tests = shownBy.map(({ file, named }) => {
    const link = `[${file.replace(/^test\//, '').replace(/\.test\.ts$/, '')}](../${file})`
    return named === undefined ? link : `${link}: “${named}”`
  })
  return `| ${feature} | ${tests.join('<br>')} | ${result} |`
}
