import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const REPOSITORY = new URL('../../../', import.meta.url)

/** Starts Valence out of this repository for the tests, unless VALENCE_URL names one that runs. */
export default async function startValence(): Promise<(() => void) | undefined> {
  if (process.env.VALENCE_URL) return undefined
  const dataDir = mkdtempSync(join(tmpdir(), 'valence-example-'))
  const flags = ['serve', '--port', '0', '--offline', '--data-dir', dataDir]
  const server = spawn(process.execPath, ['src/cli/valence.js', ...flags], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.env.VALENCE_URL = await new Promise<string>((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`Valence ended with ${code}; run npm ci in its repository first.`)))
    createInterface({ input: server.stdout }).on('line', (line) => {
      const url = /ready on (http:\/\/\S+?)\. /.exec(line)?.[1]
      if (url) resolve(url)
    })
  })
  return () => {
    server.once('exit', () => rmSync(dataDir, { recursive: true, force: true }))
    server.kill()
  }
}
