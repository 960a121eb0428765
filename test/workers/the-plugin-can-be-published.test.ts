import { expect, it } from 'vitest'
import { runToEnd } from '../support/python.ts'
import { HAS_WORKERD } from './wrangler.ts'

it.skipIf(!HAS_WORKERD)(
  'wrangler-local-ai passes publint',
  async () => {
    const args = ['test/workers/node_modules/publint/src/cli.js', 'packages/wrangler-local-ai', '--strict']
    const { code, stdout, stderr } = await runToEnd(process.execPath, args)
    expect(code, stdout + stderr).toBe(0)
  },
  60_000,
)
