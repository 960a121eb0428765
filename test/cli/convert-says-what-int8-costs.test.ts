import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { folderWithRandomDistilbert } from '../support/local-model.ts'

const NAME = 'distilbert/distilbert-base-uncased-finetuned-sst-2-english'

const made: string[] = []
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true })
})

function modelsFolder(): string {
  const folder = folderWithRandomDistilbert()
  made.push(folder)
  return folder
}

function valence(args: string[], input = '') {
  return spawnSync(process.execPath, ['src/cli/valence.js', ...args], { input, encoding: 'utf8', timeout: 20_000 })
}

describe('valence convert', () => {
  it('writes a folder beside the checkpoint’s, and reports on built-in texts, quietly', () => {
    const folder = join(modelsFolder(), NAME)
    const { stdout, stderr, status } = valence(['convert', folder])
    expect({ stderr, status }).toStrictEqual({ stderr: '', status: 0 })
    expect(stdout).toMatch(/weights {2}0\.1 MB → 0\.1 MB\n/)
    expect(stdout).toMatch(/built-in texts; --texts takes yours/)
    expect(stdout).toMatch(
      /labels {3}\d+\.\d\d% the same\n {2}scores {3}differ by 0\.\d{4} in the mean, 0\.\d{4} at most\n$/,
    )
    expect(readdirSync(`${folder}-int8`).toSorted()).toStrictEqual([
      'config.json',
      'golden.json',
      'model.safetensors',
      'tokenizer_config.json',
      'vocab.txt',
    ])
  })

  it('puts a model of the catalog where the server finds it first', () => {
    const models = modelsFolder()
    const { stdout, status } = valence(['convert', NAME, '--models-dir', models, '--json'])
    expect(status).toBe(0)
    const to = join(models, 'huggingface', 'distilbert-sst-2-int8')
    expect(JSON.parse(stdout)).toStrictEqual({
      from: join(models, NAME),
      to,
      bytesBefore: expect.any(Number),
      bytesAfter: expect.any(Number),
      elapsedMs: expect.any(Number),
      peakBytes: expect.any(Number),
      texts: 16,
      labelAgreement: expect.any(Number),
      meanScoreDifference: expect.any(Number),
      largestScoreDifference: expect.any(Number),
      source: 'built-in',
    })
    expect(valence(['models', '--models-dir', models]).stdout).toContain(`weights: ${to} (`)
    const answer = valence(['classify', '--models-dir', models, 'w1 w2'])
    expect(answer).toMatchObject({ status: 0, stderr: '' })
  })

  it('compares on the lines of a file or of standard input', () => {
    const folder = join(modelsFolder(), NAME)
    const file = join(folder, 'texts.txt')
    writeFileSync(file, 'w1 w2\r\n\nw3\nw4')
    const report = (args: string[], input?: string) =>
      JSON.parse(valence(['convert', folder, '--json', ...args], input).stdout) as unknown
    expect(report(['--texts', file, '--out', `${folder}-a`])).toMatchObject({ texts: 3, source: 'given' })
    expect(report(['--texts', '-', '--out', `${folder}-b`], 'w1\nw2\n')).toMatchObject({ texts: 2, source: 'given' })
  })

  it.each([
    [[], /needs a folder/],
    [['nothing/of-the-sort'], /no folder nothing\/of-the-sort, and no model/],
    [[NAME], /files of huggingface\/distilbert-sst-2-int8 are not here/],
    [['a', 'b'], /takes one model/],
    [['models/minilm-sst-2-int8', '--out', '/nowhere/at/all'], /INT8 already/],
    [
      ['test/convert/fixtures/onnx/xenova'],
      /onnx\/model_quantized\.onnx, which runs as it is, and no model\.safetensors/,
    ],
    [['test/convert/fixtures'], /no model\.safetensors in it, and no ONNX file/],
    [['test/convert/fixtures/bert', '--texts', '/nowhere'], /--texts: \/nowhere cannot be read/],
    [['test/convert/fixtures/bert', '--texts', '-'], /there is no text in standard input/],
    [['test/convert/fixtures/bert'], /fixtures\/bert\/?: a tokenizer needs/],
    [['test/convert/fixtures/bert', '--outt', 'x'], /no flag --outt/],
  ])('says in a line what is wrong with %j', (args, message) => {
    const { status, stdout, stderr } = valence(['convert', ...args])
    expect({ status, stdout }).toStrictEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(existsSync('test/convert/fixtures/bert-int8')).toBe(false)
  })

  it('leaves nothing behind when it is interrupted', async () => {
    const folder = join(modelsFolder(), NAME)
    const texts = join(folder, 'texts.txt')
    writeFileSync(texts, 'w1 w2 w3 w4 w5 w6 w7 w8\n'.repeat(10_000))
    const child = spawn(process.execPath, ['src/cli/valence.js', 'convert', folder, '--texts', texts], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += chunk))
    const exited = new Promise((resolve) => child.once('exit', resolve))
    // It is under way when its folder is there.
    const parent = join(folder, '..')
    while (!readdirSync(parent).some((name) => name.endsWith('.converting'))) {
      expect(child.exitCode).toBeNull()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    child.kill('SIGINT')
    expect(await exited).toBe(2)
    expect(stderr).toContain('interrupted; nothing was written.')
    expect(readdirSync(parent)).toStrictEqual([NAME.split('/')[1]])
  })

  it('keeps fp32 as it was', () => {
    const folder = join(modelsFolder(), NAME)
    const before = readFileSync(join(folder, 'model.safetensors'))
    valence(['convert', folder])
    expect(readFileSync(join(folder, 'model.safetensors')).equals(before)).toBe(true)
  })
})
