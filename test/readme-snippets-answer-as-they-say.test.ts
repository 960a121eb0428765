import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ended, PYTHON, runToEnd, warnWithoutPython } from './support/python.ts'
import { type RunningServer, startTestServer } from './support/server.ts'

type Snippet = { language: string; code: string; output: string }

const DOCUMENTED_URL = 'http://127.0.0.1:8484'

/** What kernels and ONNX Runtime may make of the same text: attention is in integers in the one, in floats in the other. */
const TOLERANCE = 0.05

/** A fenced block of code with a fenced block of output behind it. */
const SNIPPET = /```(sh|js|python)\n((?:(?!```)[\s\S])+?)\n```\n```output\n([\s\S]*?)```/g

const snippets = [...readFileSync('README.md', 'utf8').matchAll(SNIPPET)].map(
  ([, language, code, output]): Snippet => ({ language: language!, code: code!, output: output! }),
)

let server: RunningServer
let folder: string
beforeAll(async () => {
  warnWithoutPython()
  server = await startTestServer()
  // Inside the project, so that npm packages are found.
  folder = mkdtempSync(join('node_modules', '.readme-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await server.stop()
})

it('has a curl, an npm and a Python client for each of the three APIs, and a batch', () => {
  const count = (language: string) => snippets.filter((snippet) => snippet.language === language).length
  expect([count('js'), count('python')]).toEqual([4, 3])
  expect(count('sh')).toBeGreaterThanOrEqual(4)
})

describe.each(snippets)('$language: $code', ({ language, code, output }) => {
  it.skipIf(language === 'python' && PYTHON === undefined)('prints what the README shows', async () => {
    const { stdout, stderr } = await run(language, code.replaceAll(DOCUMENTED_URL, server.url))
    expect(withoutNumbers(stdout), stderr).toBe(withoutNumbers(output))
    const shown = scoresIn(output)
    for (const [index, score] of scoresIn(stdout).entries()) {
      expect(Math.abs(score - shown[index]!)).toBeLessThan(TOLERANCE)
    }
  })
})

function run(language: string, code: string): Promise<Ended> {
  const env = { PATH: `${process.cwd()}/node_modules/.bin:${process.env.PATH}`, CLOUDFLARE_ACCOUNT_ID: 'local' }
  if (language === 'sh') return runToEnd('bash', ['-c', code], env)
  const file = join(folder, language === 'js' ? 'snippet.mjs' : 'snippet.py')
  writeFileSync(file, code)
  return runToEnd(language === 'js' ? process.execPath : PYTHON!, [file], env)
}

const SCORE = /\d\.\d{3,}(e-\d+)?/g

/** Ids, times and the digits of scores change from run to run and from machine to machine. */
function withoutNumbers(output: string): string {
  return output
    .replaceAll(/chatcmpl-[0-9a-f-]+/g, 'ID')
    .replaceAll(/"created":\d+/g, '"created":0')
    .replaceAll(SCORE, 'SCORE')
    .trim()
}

function scoresIn(output: string): number[] {
  return [...output.matchAll(SCORE)].map(([score]) => Number(score))
}
