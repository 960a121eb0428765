import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { openStore } from '../../src/store/store.ts'
import { freshDataDir } from '../support/data-dir.ts'
import { startTestServer } from '../support/server.ts'

const dataDir = freshDataDir()
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

function serve(env: Record<string, string>) {
  return spawnSync(process.execPath, ['src/cli/valence.js', 'serve', '--port', '0'], {
    encoding: 'utf8',
    timeout: 25_000,
    env: { ...process.env, ...env },
  })
}

it('the second server on a data directory refuses, and says who has it; then it is free again', async () => {
  const first = await startTestServer([], { VALENCE_DATA_DIR: dataDir })
  const { status, stdout, stderr } = serve({ VALENCE_DATA_DIR: dataDir })
  expect(stderr).toContain(`${dataDir} is in use by process ${first.process.pid}.`)
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(stdout).not.toContain('ready')
  expect(status).toBe(2)
  expect(await first.stop()).toBe(0)
  await (await openStore({ dataDir })).close()
})

it('nor do two stores of one process', async () => {
  const store = await openStore({ dataDir })
  await expect(openStore({ dataDir })).rejects.toThrow(`is in use by process ${process.pid}`)
  await store.close()
})
