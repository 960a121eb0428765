import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { loadAddon } from '../../src/engine/native/addon.ts'

const BUILD = fileURLToPath(new URL('../../native/build.mjs', import.meta.url))

// Compiling all kernels with a sanitizer takes half a minute.
const TIMEOUT_MS = 300_000

const here = loadAddon() !== undefined

it.skipIf(!here).each(['address,undefined', 'thread'])(
  'random networks of odd shapes, every instruction set, the same bits: %s',
  async (sanitizers) => {
    const { stdout } = await promisify(execFile)(process.execPath, [BUILD, 'check', sanitizers])
    expect(stdout.match(/^hidden .* texts, \w+/gm)).toHaveLength(6)
  },
  TIMEOUT_MS,
)

it.skipIf(here)('skipped: the native kernels are not built here (node native/build.mjs says why)', () => {})
