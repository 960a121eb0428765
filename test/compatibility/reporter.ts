import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { complaintsAbout, type Ended, filesOfPage, pageOf } from './page.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = `${ROOT}docs/compatibility.md`

/**
 * After a run that had all of the page's tests, writes what came of them into docs/compatibility.md, where that does not
 * say so yet; where CI is set it fails instead, as nobody would commit the page. With VALENCE_COMPATIBILITY=write it
 * writes what a run of any of the tests found.
 */
export default class CompatibilityReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap(testsOf)
    if (process.env.VALENCE_COMPATIBILITY === 'write') {
      writeFileSync(PAGE, pageOf(tests, existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : ''))
      return
    }
    const files = new Set(tests.map(({ file }) => file))
    if (!filesOfPage().every((file) => files.has(file))) return
    const complaints = complaintsAbout(readFileSync(PAGE, 'utf8'), tests)
    if (complaints.length === 0) return
    if (!process.env.CI) {
      writeFileSync(PAGE, pageOf(tests, readFileSync(PAGE, 'utf8')))
      console.warn(`\ndocs/compatibility.md is new; commit it:\n  ${complaints.join('\n  ')}`)
      return
    }
    console.error(`\ndocs/compatibility.md is not true; npm run compatibility writes it:\n  ${complaints.join('\n  ')}`)
    process.exitCode = 1
  }
}

function testsOf(module: TestModule): Ended[] {
  const file = relative(ROOT, module.moduleId).replaceAll('\\', '/')
  return [...module.children.allTests()].map((test) => ({ file, name: test.fullName, state: stateOf(test) }))
}

/** Tests whose beforeAll failed are called skipped as well, but nobody meant to. */
function stateOf(test: TestCase): Ended['state'] {
  const { state } = test.result()
  return state === 'skipped' && test.options.mode === 'run' ? 'failed' : state
}
