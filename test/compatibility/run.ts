import { spawnSync } from 'node:child_process'
import { filesOfPage } from './page.ts'

/** `npm run compatibility`: runs the tests that docs/compatibility.md tells of, and writes it. */
const { status } = spawnSync('npx', ['vitest', 'run', ...filesOfPage()], {
  stdio: 'inherit',
  env: { ...process.env, VALENCE_COMPATIBILITY: 'write' },
})
process.exitCode = status ?? 1
