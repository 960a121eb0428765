import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { freshDataDir } from '../support/data-dir.ts'
import { post } from '../support/http.ts'
import { startTestServer } from '../support/server.ts'

const PATH = '/client/v4/accounts/a/ai/run/@cf/valence/minilm-sst-2-int8'

function valence(args: string[], { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {}) {
  return spawnSync(process.execPath, ['src/cli/valence.js', ...args], {
    input,
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, VALENCE_API_KEYS: '', ...env },
  })
}

describe('valence classify', () => {
  it('prints a label, a score and the text for each argument', () => {
    const { stdout, status } = valence(['classify', 'This pizza is great!', 'This pizza is awful!'])
    expect(stdout).toMatch(/^POSITIVE\t0\.9\d+\tThis pizza is great!\nNEGATIVE\t0\.\d+\tThis pizza is awful!\n$/)
    expect(status).toBe(0)
  })

  it('reads lines from standard input and prints one JSON object a line, in order', () => {
    const texts = Array.from({ length: 200 }, (_, index) => `Text ${index} is ${index % 2 ? 'wonderful' : 'terrible'}.`)
    const { stdout } = valence(['classify', '--json'], { input: `${texts.join('\n')}\n${'word '.repeat(600)}` })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.slice(0, 200).map(({ text }) => text)).toEqual(texts)
    expect(lines[1]).toEqual({
      text: texts[1],
      label: 'POSITIVE',
      score: expect.any(Number),
      scores: [
        { label: 'NEGATIVE', score: expect.any(Number) },
        { label: 'POSITIVE', score: lines[1].score },
      ],
      model: 'valence/minilm-sst-2-int8',
      truncated: false,
    })
    expect(lines[0].label).toBe('NEGATIVE')
    expect(lines[200].truncated).toBe(true)
  })

  it('says on standard error that another model answers, and refuses with --strict-models', () => {
    expect(valence(['classify', 'Good.']).stderr).toContain('valence/minilm-sst-2-int8 answers in its place')
    const strict = valence(['classify', '--strict-models', 'Good.'])
    expect(strict).toMatchObject({ status: 2, stdout: '' })
    expect(strict.stderr).toContain('cannot answer')
  })

  it('ends quietly when nobody reads its answers', async () => {
    const child = spawn(process.execPath, ['src/cli/valence.js', 'classify'], { stdio: ['pipe', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.stdin.on('error', () => {})
    child.stdin.write('good\n'.repeat(20_000))
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect(code).toBe(0)
    expect(stderr).not.toContain('EPIPE')
  })
})

describe('valence models', () => {
  it('lists ids, aliases and where the weights are', () => {
    const { stdout } = valence(['models', '--json'])
    const models = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(models).toMatchObject([
      { id: 'huggingface/distilbert-sst-2-int8', folder: null },
      { id: 'valence/minilm-sst-2-int8', labels: ['NEGATIVE', 'POSITIVE'], folder: expect.stringContaining('minilm') },
    ])
  })
})

describe('mistakes', () => {
  it.each([
    [['frobnicate'], /There is no command "frobnicate"/],
    [['serve', '--prot', '1'], /There is no flag --prot/],
    [['serve', '--port', 'abc'], /--port=abc will not do/],
    [['serve', '--port', '65536'], /--port=65536 will not do: it must be <= 65535/],
    [['serve', '--log-level', 'loud'], /must be one of trace, debug/],
    [['serve', 'extra'], /takes no arguments/],
    [['serve', '--port'], /--port needs a value/],
    [['models', '--models-dir', 'no-such-folder'], /There is no folder no-such-folder/],
    [['classify', '-1 star'], /Put -- before a text/],
    [['serve', '--host', '0.0.0.0', '--port', '0'], /Refusing to listen on 0\.0\.0\.0 without keys/],
    [['classify', '--model', 'no/such', 'a'], /There is no model "no\/such"/],
  ])('%j is told in one line, without a stack', (args, message) => {
    const { stderr, status } = valence(args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  it('texts behind -- are texts, whatever they look like', () => {
    expect(valence(['classify', '--', '--help']).stdout).toMatch(/\t--help\n$/)
  })

  it('a list of keys that holds none does not open the server', () => {
    expect(valence(['serve'], { env: { VALENCE_API_KEYS: ' , ' } })).toMatchObject({ status: 2 })
  })

  it('a command passes over the settings of others', () => {
    expect(valence(['models'], { env: { PORT: 'x' } }).status).toBe(0)
  })

  it('a variable that will not do is named, but a key is not shown', () => {
    expect(valence(['serve'], { env: { PORT: 'x' } }).stderr).toContain('PORT=x will not do')
  })

  it('prices that will not do end the start, and are named', () => {
    const { status, stderr } = valence([
      'serve',
      '--port',
      '0',
      '--prices',
      'package.json',
      '--data-dir',
      freshDataDir(),
    ])
    expect(status).toBe(2)
    expect(stderr).toContain('The prices in package.json will not do')
  })
})

describe('help', () => {
  it('shows every flag with its variable and default', () => {
    const { stdout } = valence(['serve', '--help'])
    for (const word of ['--host', 'HOST', '127.0.0.1', '--port', '8484', 'VALENCE_STRICT_MODELS', '--timeout-ms'])
      expect(stdout).toContain(word)
  })
})

describe('valence serve', () => {
  it('listens elsewhere with keys, or when it is told to be open', async () => {
    for (const [flags, env] of [
      [['--host', '0.0.0.0'], { VALENCE_API_KEYS: 'k' }],
      [['--host', '0.0.0.0', '--open'], {}],
    ] as [string[], Record<string, string>][]) {
      const server = await startTestServer(flags, env)
      expect(await server.stop()).toBe(0)
    }
  })

  it('says at start-up whether keys are asked for', async () => {
    const open = await startTestServer()
    const closed = await startTestServer([], { VALENCE_API_KEYS: 'one,two' })
    expect(open.output()).toContain('No API keys set: any key is accepted')
    expect(closed.output()).toContain('2 API key(s) set')
    await Promise.all([open.stop(), closed.stop()])
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('answers what is under way and exits 0 on %s', async (signal) => {
    const server = await startTestServer(['--workers', '1'])
    const answers = Array.from({ length: 8 }, (_, index) =>
      post(server.url + PATH, { text: `${index} good `.repeat(50) }),
    )
    await new Promise((resolve) => setTimeout(resolve, 100))
    const started = performance.now()
    const exited = new Promise((resolve) => server.process.once('exit', resolve))
    server.process.kill(signal)
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(await exited).toBe(0)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('does not wait for idle connections or for a client that never finishes', async () => {
    const server = await startTestServer()
    const { port } = new URL(server.url)
    const idle = connect(Number(port), '127.0.0.1').on('error', () => {})
    const slow = connect(Number(port), '127.0.0.1').on('error', () => {})
    slow.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`)
    await post(server.url + PATH, { text: 'Good.' })
    const started = performance.now()
    expect(await server.stop()).toBe(0)
    expect(performance.now() - started).toBeLessThan(5000)
    idle.destroy()
    slow.destroy()
  })
})
