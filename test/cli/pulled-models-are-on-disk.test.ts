import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { filesIn, newCache, removeCaches } from '../support/cache.ts'
import { COMMIT, type FakeHub, type FakeRepo, startFakeHub } from '../support/hub.ts'
import { repoWithRandomDistilbert } from '../support/local-model.ts'
import { type Ended, PYTHON, runToEnd } from '../support/python.ts'

const MODEL = 'huggingface/distilbert-sst-2-int8'

let repo: FakeRepo
let hub: FakeHub
let cache: string
beforeEach(async () => {
  repo = repoWithRandomDistilbert()
  hub = await startFakeHub([repo, { ...repo, id: 'someone/else', refs: ['main', 'v1'] }])
  cache = newCache()
  return () => hub.close()
})
afterAll(removeCaches)

function valence(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return runToEnd(process.execPath, ['src/cli/valence.js', ...args], settings(env))
}

function settings(env: Record<string, string>) {
  return { VALENCE_OFFLINE: '', HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, ...env }
}

describe('valence pull', () => {
  it.each([
    MODEL,
    '@cf/huggingface/distilbert-sst-2-int8',
    'distilbert/distilbert-base-uncased-finetuned-sst-2-english',
  ])('fetches %s, which classify and models then find', async (name) => {
    const { code, stdout, stderr } = await valence(['pull', name, '--json'])
    expect([code, stderr]).toEqual([0, ''])
    const pulled = JSON.parse(stdout)
    expect(pulled).toMatchObject({ repo: repo.id, revision: 'main', commit: COMMIT, bytes: pulled.fetchedBytes })
    expect(pulled.files.toSorted()).toEqual(['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt'])

    const [listed] = (await valence(['models', '--json'], { VALENCE_OFFLINE: '1' })).stdout.split('\n')
    expect(JSON.parse(listed!)).toMatchObject({
      id: MODEL,
      folder: pulled.folder,
      place: 'cache',
      commit: COMMIT,
      bytes: pulled.bytes,
    })
    const classified = await valence(['classify', '--json', 'w1 w2'], { VALENCE_OFFLINE: '1' })
    expect(JSON.parse(classified.stdout)).toMatchObject({ model: MODEL })
    expect(classified.stderr).toBe('')
  })

  it('fetches any other repository at a revision, and models lists it', async () => {
    const { code, stdout } = await valence(['pull', 'someone/else', '--revision', 'v1'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^someone/else at ${COMMIT}: 4 files, \\d.*\n/.*/snapshots/${COMMIT}\n$`))
    const { stdout: listed } = await valence(['models'])
    expect(listed).toMatch(
      new RegExp(`someone/else\n  in the cache, not in the catalog\n  weights: /.* MB, revision ${COMMIT}\\)`),
    )
  })

  it('takes what a newer commit has, and models the newest', async () => {
    await valence(['pull', MODEL])
    repo.commit = 'b'.repeat(40)
    await valence(['pull', MODEL])
    const { stdout } = await valence(['models'])
    expect(stdout).toContain(`revision ${'b'.repeat(40)})`)
  })

  it.each<[string[], Record<string, string>, RegExp]>([
    [[], {}, /Say which model/],
    [['a/b', 'c/d'], {}, /pull takes one model/],
    [['valence/minilm-sst-2-int8'], {}, /ships with Valence/],
    [['no/such'], {}, /no repository no\/such/],
    [['no such'], {}, /is no id of a repository/],
    [[MODEL, '--revision', 'v7'], {}, /no revision "v7"/],
    [[MODEL, '--offline'], {}, /told to stay offline/],
    [[MODEL], { HF_HUB_OFFLINE: '1' }, /told to stay offline/],
    [[MODEL, '--workers', '2'], {}, /There is no flag --workers/],
    [[MODEL], { HF_ENDPOINT: 'nonsense' }, /HF_ENDPOINT will not do/],
  ])('%j %j is told in one line', async (args, env, message) => {
    const { code, stdout, stderr } = await valence(['pull', ...args], env)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it('offline is content with what is here', async () => {
    await valence(['pull', MODEL])
    hub.seen.length = 0
    const { code, stdout } = await valence(['pull', MODEL, '--offline', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ commit: COMMIT, fetchedBytes: 0 })
    expect(hub.seen).toEqual([])
  })

  it.skipIf(PYTHON === undefined)('shows a bar on a terminal', async () => {
    const terminal = join(cache, 'terminal.py')
    writeFileSync(
      terminal,
      `import pty, os, sys
status = pty.spawn(sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(status))`,
    )
    const run = () => runToEnd(PYTHON!, [terminal, process.execPath, 'src/cli/valence.js', 'pull', MODEL], settings({}))
    const { code, stdout } = await run()
    expect(code).toBe(0)
    expect(stdout).toMatch(/\d% \| [\d.]+\/[\d.]+ MB/)
  })
})

it('an interrupted pull says that the next goes on from there', async () => {
  hub.fault = ({ server }) => (server === 'cdn' ? { stallAfter: 1000 } : undefined)
  const child = spawn(process.execPath, ['src/cli/valence.js', 'pull', MODEL], {
    env: { ...process.env, ...settings({}) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += chunk))
  while (!filesIn(cache).some((path) => path.endsWith('.incomplete'))) await setTimeout(20)
  child.kill('SIGINT')
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(130)
  expect(stderr).toBe('Stopped. What has come is kept; the same command goes on from there.\n')
})

it('models says how large what lies in a folder of models is', async () => {
  const { stdout } = await valence(['models', '--json'])
  const embedded = JSON.parse(stdout.trimEnd().split('\n')[1]!)
  expect(embedded).toMatchObject({ place: 'embedded', commit: null })
  expect(embedded.bytes).toBeGreaterThan(20_000_000)
})
